// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20;

/// @title LogAnchor: outside commitments to the sealed batches of append-only logs
/// @notice One contract serves many logs, each with one submitter. What is anchored stays: there is
///         no proxy, no delete, no overwrite and no pause of past data. A new version of this
///         contract is a new address.
/// @dev The owner lives in storage and not in an immutable: an immutable is spliced into the
///      runtime code, and the hash of that code, which verifiers pin, must be the same for every
///      deployment. All arguments are static ABI types, which keeps calldata flat (4 + 32n bytes)
///      and the record hash a hash over plain calldata.
contract LogAnchor {
    /// @dev One storage slot, so that order, authorisation and freezing cost one read, one write.
    struct Log {
        address submitter;
        uint64 nextBatch;
        bool frozen;
    }

    /// @notice Creates logs, proposes submitters, freezes logs; cannot anchor or change a record.
    address public owner;

    /// @notice Hash of the arguments anchored for a batch, 0 where the batch was never anchored
    ///         itself: keccak256(abi.encode(logId, batchId, merkleRoot, historyRoot, sealedAtMs,
    ///         signerKey, sigR, sigS)).
    /// @dev The fields themselves are in the event: storing them would cost four times the gas, and
    ///      whoever holds them can show that they are the record.
    mapping(bytes32 logId => mapping(uint64 batchId => bytes32 record)) public recordOf;

    /// @notice Submitter proposed for a log and not accepted yet, or 0.
    mapping(bytes32 logId => address submitter) public pendingSubmitterOf;

    mapping(bytes32 logId => Log log) private logs;

    /// @notice Batches fromBatch..batchId of a log are committed to by this record.
    /// @param fromBatch First batch without an earlier anchor. historyRoot covers all batches, so
    ///        this one record anchors every batch from here on, and a history that is rewritten and
    ///        anchored later cannot pass for the first.
    /// @param sealedAtMs Claim of the log. The time that can be trusted is the block's.
    /// @param signerKey Ed25519 key of the seal. Carried, not checked: the chain has no precompile
    ///        for Ed25519, so the verifier checks the seal itself.
    event Anchored(
        bytes32 indexed logId,
        uint64 indexed batchId,
        bytes32 indexed historyRoot,
        uint64 fromBatch,
        bytes32 merkleRoot,
        uint64 sealedAtMs,
        bytes32 signerKey,
        bytes32 sigR,
        bytes32 sigS
    );
    event LogCreated(bytes32 indexed logId, address indexed submitter);
    event SubmitterProposed(bytes32 indexed logId, address indexed submitter);
    event SubmitterChanged(bytes32 indexed logId, address indexed from, address indexed to);
    event LogFrozen(bytes32 indexed logId, uint64 nextBatch);

    /// @notice The caller is not the one who may do this, or the log does not exist.
    error NotAuthorised();
    /// @notice The log was created before.
    error Exists();
    /// @notice The log takes no new batches any more.
    error Frozen();
    /// @notice A submitter must be an address that can sign.
    error ZeroAddress();
    /// @notice Another record is anchored for this batch: two histories exist.
    /// @param have The record that stays.
    error Conflict(bytes32 have);
    /// @notice The batch has no record of its own because a later one already commits to it.
    /// @param nextBatch First batch that can still be anchored.
    error Covered(uint64 nextBatch);

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotAuthorised();
        _;
    }

    constructor() {
        owner = msg.sender;
    }

    /// @notice Anchors the newest sealed batch of a log, and with it all batches before it.
    /// @dev Sending the same arguments again is harmless by design, since a crash can always sit
    ///      between a transaction and its receipt: it changes nothing and emits nothing, also when
    ///      the log was frozen in between.
    /// @param logId SHA-256 of the log's origin.
    /// @param batchId Newest sealed batch, not below the log's nextBatch.
    /// @param merkleRoot RFC 9162 root over the entries of this batch.
    /// @param historyRoot RFC 9162 root over all headers up to and including this batch.
    /// @param sealedAtMs Milliseconds since 1970 at which the log claims to have sealed the batch.
    /// @param signerKey Ed25519 public key that made the seal.
    /// @param sigR First half of the seal.
    /// @param sigS Second half of the seal.
    /// @return fresh True when this call anchored the batch, false when it already was.
    function anchor(
        bytes32 logId,
        uint64 batchId,
        bytes32 merkleRoot,
        bytes32 historyRoot,
        uint64 sealedAtMs,
        bytes32 signerKey,
        bytes32 sigR,
        bytes32 sigS
    ) external returns (bool fresh) {
        Log storage log = logs[logId];
        if (msg.sender != log.submitter) revert NotAuthorised();
        // The decoder has refused dirty upper bits, so these 256 bytes are abi.encode of the eight
        // arguments, at the price of one copy. Bytes behind them are not part of the record.
        bytes32 record = keccak256(msg.data[4:260]);
        uint64 fromBatch = log.nextBatch;
        if (batchId < fromBatch) {
            bytes32 have = recordOf[logId][batchId];
            if (have == record) return false;
            if (have == 0) revert Covered(fromBatch);
            revert Conflict(have);
        }
        if (log.frozen) revert Frozen();
        log.nextBatch = batchId + 1;
        recordOf[logId][batchId] = record;
        emit Anchored(
            logId, batchId, historyRoot, fromBatch, merkleRoot, sealedAtMs, signerKey, sigR, sigS
        );
        return true;
    }

    /// @notice Who may anchor, the first batch that can still be anchored, whether the log ended.
    /// @dev All zero for a log that was never created.
    function head(bytes32 logId)
        external
        view
        returns (address submitter, uint64 nextBatch, bool frozen)
    {
        Log storage log = logs[logId];
        return (log.submitter, log.nextBatch, log.frozen);
    }

    /// @notice Opens a log for one submitter. A log is opened once.
    function createLog(bytes32 logId, address submitter) external onlyOwner {
        if (submitter == address(0)) revert ZeroAddress();
        if (logs[logId].submitter != address(0)) revert Exists();
        logs[logId].submitter = submitter;
        emit LogCreated(logId, submitter);
    }

    /// @notice Proposes another submitter; the old one anchors on until the new one accepts.
    /// @dev Two steps, so that a mistyped address cannot lock a log.
    function setSubmitter(bytes32 logId, address submitter) external onlyOwner {
        if (logs[logId].submitter == address(0)) revert NotAuthorised();
        if (submitter == address(0)) revert ZeroAddress();
        pendingSubmitterOf[logId] = submitter;
        emit SubmitterProposed(logId, submitter);
    }

    /// @notice Takes over a log; only the proposed submitter can, and it shows that it can sign.
    function acceptSubmitter(bytes32 logId) external {
        if (msg.sender != pendingSubmitterOf[logId]) revert NotAuthorised();
        address from = logs[logId].submitter;
        delete pendingSubmitterOf[logId];
        logs[logId].submitter = msg.sender;
        emit SubmitterChanged(logId, from, msg.sender);
    }

    /// @notice Ends a log for good. Its records stay, and so does their proof.
    function freezeLog(bytes32 logId) external onlyOwner {
        Log storage log = logs[logId];
        if (log.submitter == address(0)) revert NotAuthorised();
        if (log.frozen) revert Frozen();
        log.frozen = true;
        emit LogFrozen(logId, log.nextBatch);
    }
}
