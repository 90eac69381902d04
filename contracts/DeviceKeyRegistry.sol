// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20;

/// @title DeviceKeyRegistry: which key spoke for a device, and when
/// @notice Versions are numbered from 1 and never removed: an old alert must stay verifiable after
///         its device got another key. Registering a key deactivates the one before it.
/// @dev Keys are kept themselves and not as hashes because the keys of Anchorlog's devices
///      (Ed25519) fit one slot; `alg` leaves room for other algorithms whose key, or whose key's
///      hash, fits 32 bytes.
contract DeviceKeyRegistry {
    /// @dev `until` 0 means active. Times are block times in seconds. Two slots: key, the rest.
    struct DeviceKey {
        bytes32 key;
        uint8 alg;
        uint64 from;
        uint64 until;
    }

    /// @notice Registers and deactivates keys.
    address public owner;

    /// @notice Highest version of a device, 0 where none was ever registered.
    mapping(bytes32 deviceId => uint32 version) public versionOf;

    mapping(bytes32 deviceId => mapping(uint32 version => DeviceKey key)) private keys;

    event KeyRegistered(
        bytes32 indexed deviceId, uint32 indexed version, uint8 alg, bytes32 key, uint64 at
    );
    event KeyDeactivated(bytes32 indexed deviceId, uint32 indexed version, uint64 at);

    /// @notice The caller is not the owner.
    error NotAuthorised();
    /// @notice An all-zero key is what an empty slot looks like.
    error ZeroKey();
    /// @notice The device has no such version.
    error Unknown();
    /// @notice The device has no active key.
    error NotActive();
    /// @notice The key is the active one already; the call would only hide a mistake.
    error Unchanged();

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotAuthorised();
        _;
    }

    constructor() {
        owner = msg.sender;
    }

    /// @notice Makes `key` the device's active key from this block on.
    /// @param deviceId SHA-256 of the device's name: names are private, a hash finds them.
    /// @param alg 1 = Ed25519. Other values are the reader's business.
    function registerDeviceKey(bytes32 deviceId, uint8 alg, bytes32 key)
        external
        onlyOwner
        returns (uint32 version)
    {
        if (key == 0) revert ZeroKey();
        uint32 previous = versionOf[deviceId];
        uint64 at = uint64(block.timestamp);
        if (previous != 0) {
            DeviceKey storage old = keys[deviceId][previous];
            if (old.until == 0) {
                if (old.key == key && old.alg == alg) revert Unchanged();
                old.until = at;
                emit KeyDeactivated(deviceId, previous, at);
            }
        }
        version = previous + 1;
        versionOf[deviceId] = version;
        keys[deviceId][version] = DeviceKey({key: key, alg: alg, from: at, until: 0});
        emit KeyRegistered(deviceId, version, alg, key, at);
    }

    /// @notice Ends the active key of a device without a successor.
    function deactivateKey(bytes32 deviceId) external onlyOwner {
        uint32 version = versionOf[deviceId];
        if (version == 0) revert Unknown();
        DeviceKey storage active = keys[deviceId][version];
        if (active.until != 0) revert NotActive();
        uint64 at = uint64(block.timestamp);
        active.until = at;
        emit KeyDeactivated(deviceId, version, at);
    }

    /// @notice The active key of a device; reverts where there is none, so that a caller who
    ///         forgets to look at a flag cannot accept a dead key.
    function getDeviceKey(bytes32 deviceId)
        external
        view
        returns (uint32 version, uint8 alg, bytes32 key, uint64 from)
    {
        version = versionOf[deviceId];
        if (version == 0) revert Unknown();
        DeviceKey storage active = keys[deviceId][version];
        if (active.until != 0) revert NotActive();
        return (version, active.alg, active.key, active.from);
    }

    /// @notice Any version of a device's key, with the time it was valid; `until` 0 = still active.
    function getDeviceKeyAt(bytes32 deviceId, uint32 version)
        external
        view
        returns (uint8 alg, bytes32 key, uint64 from, uint64 until)
    {
        if (version == 0 || version > versionOf[deviceId]) revert Unknown();
        DeviceKey storage at = keys[deviceId][version];
        return (at.alg, at.key, at.from, at.until);
    }
}
