// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20;

/// @notice Forge's cheat codes that are used here, at the address it fixes for them.
interface Cheats {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function prank(address from) external;
    function startPrank(address from) external;
    function stopPrank() external;
    function expectRevert(bytes4 selector) external;
    function expectRevert(bytes calldata data) external;
    function expectEmit(bool topic1, bool topic2, bool topic3, bool data) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function warp(uint256 timestamp) external;
}

/// @notice A test's own two words: check and bound.
abstract contract Checked {
    Cheats internal constant cheats =
        Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));

    function check(bool holds, string memory what) internal pure {
        require(holds, what);
    }

    function bound(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        if (value >= low && value <= high) return value;
        return low + value % (high - low + 1);
    }
}
