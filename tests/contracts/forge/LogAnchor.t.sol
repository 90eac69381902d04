// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20;

import {LogAnchor} from "../../../contracts/LogAnchor.sol";
import {Cheats, Checked} from "./Checked.sol";

/// @notice The arguments of one anchor.
struct Record {
    bytes32 logId;
    uint64 batchId;
    bytes32 merkleRoot;
    bytes32 historyRoot;
    uint64 sealedAtMs;
    bytes32 signerKey;
    bytes32 sigR;
    bytes32 sigS;
}

function send(LogAnchor target, Record memory r) returns (bool fresh) {
    return target.anchor(
        r.logId, r.batchId, r.merkleRoot, r.historyRoot, r.sealedAtMs, r.signerKey, r.sigR, r.sigS
    );
}

function hash(Record memory r) pure returns (bytes32) {
    return keccak256(abi.encode(r));
}

contract LogAnchorTest is Checked {
    LogAnchor private target;
    address private constant SUBMITTER = address(0xA11CE);
    bytes32 private constant LOG = keccak256("log");

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

    function setUp() public {
        target = new LogAnchor();
        target.createLog(LOG, SUBMITTER);
    }

    function record(uint64 batchId, bytes32 story) private pure returns (Record memory) {
        return Record(
            LOG,
            batchId,
            keccak256(abi.encode("merkle", batchId, story)),
            keccak256(abi.encode("history", batchId, story)),
            uint64(uint256(keccak256(abi.encode("time", batchId)))),
            keccak256("key"),
            keccak256(abi.encode("r", batchId, story)),
            keccak256(abi.encode("s", batchId, story))
        );
    }

    /// Whatever the fields, what is kept is the hash of exactly these eight words.
    function testFuzz_RecordIsTheHashOfItsArguments(Record memory r) public {
        r.logId = LOG;
        r.batchId = uint64(bound(r.batchId, 0, type(uint64).max - 1));
        cheats.prank(SUBMITTER);
        cheats.expectEmit(true, true, true, true);
        emit Anchored(
            r.logId, r.batchId, r.historyRoot, 0, r.merkleRoot, r.sealedAtMs, r.signerKey, r.sigR,
            r.sigS
        );
        check(send(target, r), "fresh");
        check(target.recordOf(LOG, r.batchId) == hash(r), "record");
        (, uint64 nextBatch,) = target.head(LOG);
        check(nextBatch == r.batchId + 1, "next batch");
    }

    function testFuzz_TheSameAgainChangesAndEmitsNothing(uint64 batchId, uint8 times) public {
        batchId = uint64(bound(batchId, 0, type(uint64).max - 1));
        Record memory r = record(batchId, 0);
        cheats.startPrank(SUBMITTER);
        check(send(target, r), "fresh");
        cheats.recordLogs();
        for (uint256 i = 0; i < bound(times, 1, 8); ++i) check(!send(target, r), "not fresh");
        check(cheats.getRecordedLogs().length == 0, "no event");
        (, uint64 nextBatch,) = target.head(LOG);
        check(nextBatch == batchId + 1, "next batch");
    }

    function testFuzz_AnotherRecordReverts(uint64 batchId, bytes32 story) public {
        batchId = uint64(bound(batchId, 0, type(uint64).max - 1));
        if (story == 0) story = keccak256("another");
        cheats.startPrank(SUBMITTER);
        send(target, record(batchId, 0));
        bytes32 have = hash(record(batchId, 0));
        cheats.expectRevert(abi.encodeWithSelector(LogAnchor.Conflict.selector, have));
        send(target, record(batchId, story));
        check(target.recordOf(LOG, batchId) == have, "the first stays");
    }

    function testFuzz_WhatALaterAnchorCoversReverts(uint64 first, uint64 gap) public {
        first = uint64(bound(first, 0, type(uint64).max / 4));
        gap = uint64(bound(gap, 2, type(uint64).max / 4));
        cheats.startPrank(SUBMITTER);
        send(target, record(first, 0));
        send(target, record(first + gap, 0));
        uint64 between = first + 1 + uint64(bound(gap / 2, 0, gap - 2));
        cheats.expectRevert(abi.encodeWithSelector(LogAnchor.Covered.selector, first + gap + 1));
        send(target, record(between, 0));
        check(target.recordOf(LOG, between) == 0, "no record of its own");
    }

    function testFuzz_NobodyElseAnchors(address who, uint64 batchId) public {
        if (who == SUBMITTER) return;
        cheats.prank(who);
        cheats.expectRevert(LogAnchor.NotAuthorised.selector);
        send(target, record(batchId, 0));
    }

    function testFuzz_RotationTakesTwoSteps(address next, address stranger) public {
        if (next == address(0) || next == SUBMITTER || stranger == next) return;
        target.setSubmitter(LOG, next);
        cheats.prank(stranger);
        cheats.expectRevert(LogAnchor.NotAuthorised.selector);
        target.acceptSubmitter(LOG);
        cheats.prank(SUBMITTER);
        check(send(target, record(0, 0)), "the old one anchors until the new one accepts");
        cheats.prank(next);
        target.acceptSubmitter(LOG);
        cheats.prank(SUBMITTER);
        cheats.expectRevert(LogAnchor.NotAuthorised.selector);
        send(target, record(1, 0));
        cheats.prank(next);
        check(send(target, record(1, 0)), "the new one anchors");
    }

    function test_FreezingIsForGoodAndKeepsWhatIsThere() public {
        Record memory r = record(3, 0);
        cheats.prank(SUBMITTER);
        send(target, r);
        target.freezeLog(LOG);
        cheats.startPrank(SUBMITTER);
        check(!send(target, r), "a crash before the freeze is still settled");
        cheats.expectRevert(LogAnchor.Frozen.selector);
        send(target, record(4, 0));
        cheats.stopPrank();
        cheats.expectRevert(LogAnchor.Frozen.selector);
        target.freezeLog(LOG);
        check(target.recordOf(LOG, 3) == hash(r), "record");
    }

    function testFuzz_OnlyTheOwnerAdministers(address who, bytes32 log) public {
        if (who == address(this)) return;
        cheats.startPrank(who);
        cheats.expectRevert(LogAnchor.NotAuthorised.selector);
        target.createLog(log, who);
        cheats.expectRevert(LogAnchor.NotAuthorised.selector);
        target.setSubmitter(LOG, who);
        cheats.expectRevert(LogAnchor.NotAuthorised.selector);
        target.freezeLog(LOG);
    }
}

/// @notice Throws anything at one log, as its submitter, as others, with rotation and freezing, and
///         keeps its own account of what must be there.
contract Thrower is Checked {
    LogAnchor public immutable target = new LogAnchor();
    bytes32 public constant LOG = keccak256("log");
    address[3] private people = [address(0xA), address(0xB), address(0xC)];

    address public submitter = address(0xA);
    uint64 public nextBatch;
    bool public frozen;
    uint64[] public anchored;
    mapping(uint64 => bytes32) public records;
    uint256 public fresh;

    constructor() {
        target.createLog(LOG, submitter);
    }

    function count() external view returns (uint256) {
        return anchored.length;
    }

    function anchor(uint8 who, uint64 batchId, uint8 story) external {
        address from = people[who % 3];
        batchId = uint64(bound(batchId, 0, nextBatch + 5));
        Record memory r =
            Record(LOG, batchId, bytes32(uint256(story % 3)), bytes32(0), 0, 0, 0, 0);
        cheats.prank(from);
        try target.anchor(
            r.logId, r.batchId, r.merkleRoot, r.historyRoot, r.sealedAtMs, r.signerKey, r.sigR,
            r.sigS
        ) returns (bool isFresh) {
            check(from == submitter, "only the submitter");
            if (!isFresh) {
                check(records[batchId] == hash(r), "not fresh only where it is the same");
                return;
            }
            check(!frozen && batchId >= nextBatch, "fresh only above and not frozen");
            records[batchId] = hash(r);
            anchored.push(batchId);
            nextBatch = batchId + 1;
            ++fresh;
        } catch {
            check(
                from != submitter || frozen || (batchId < nextBatch && records[batchId] != hash(r)),
                "refused without a reason"
            );
        }
    }

    function rotate(uint8 to) external {
        address next = people[to % 3];
        target.setSubmitter(LOG, next);
        cheats.prank(next);
        target.acceptSubmitter(LOG);
        submitter = next;
    }

    function freeze(uint8 odds) external {
        if (odds != 0 || frozen) return;
        target.freezeLog(LOG);
        frozen = true;
    }
}

contract LogAnchorInvariants is Checked {
    Thrower private thrower;

    function setUp() public {
        thrower = new Thrower();
    }

    function targetContracts() public view returns (address[] memory out) {
        out = new address[](1);
        out[0] = address(thrower);
    }

    function invariant_WhatWasAnchoredStaysAndTheHeadOnlyGrows() public view {
        LogAnchor target = thrower.target();
        (address submitter, uint64 nextBatch, bool frozen) = target.head(thrower.LOG());
        check(submitter == thrower.submitter(), "submitter");
        check(nextBatch == thrower.nextBatch(), "next batch");
        check(frozen == thrower.frozen(), "frozen");
        uint64 above = 0;
        for (uint256 i = 0; i < thrower.count(); ++i) {
            uint64 batchId = thrower.anchored(i);
            check(batchId >= above, "ascending");
            above = batchId + 1;
            check(
                target.recordOf(thrower.LOG(), batchId) == thrower.records(batchId), "record stays"
            );
        }
        check(above == nextBatch || thrower.count() == 0, "the head is the newest");
    }
}
