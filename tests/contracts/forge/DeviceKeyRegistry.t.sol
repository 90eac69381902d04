// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20;

import {DeviceKeyRegistry} from "../../../contracts/DeviceKeyRegistry.sol";
import {Checked} from "./Checked.sol";

contract DeviceKeyRegistryTest is Checked {
    DeviceKeyRegistry private registry;
    bytes32 private constant DEVICE = keccak256("cam-1");

    function setUp() public {
        registry = new DeviceKeyRegistry();
    }

    /// Every version a device ever had stays readable, with the time it was valid.
    function testFuzz_OldVersionsStayReadable(bytes32 seed, uint8 versions) public {
        uint32 count = uint32(bound(versions, 1, 12));
        uint64 start = 1_767_225_600;
        for (uint32 v = 1; v <= count; ++v) {
            cheats.warp(start + v);
            check(registry.registerDeviceKey(DEVICE, 1, key(seed, v)) == v, "version");
        }
        for (uint32 v = 1; v <= count; ++v) {
            (uint8 alg, bytes32 held, uint64 from, uint64 until) =
                registry.getDeviceKeyAt(DEVICE, v);
            check(alg == 1 && held == key(seed, v), "key");
            check(from == start + v, "from");
            check(until == (v == count ? 0 : start + v + 1), "until");
        }
        (uint32 version,, bytes32 active,) = registry.getDeviceKey(DEVICE);
        check(version == count && active == key(seed, count), "active");
    }

    function testFuzz_ADeactivatedKeyIsNotGivenAsActive(bytes32 seed) public {
        registry.registerDeviceKey(DEVICE, 1, key(seed, 1));
        registry.deactivateKey(DEVICE);
        cheats.expectRevert(DeviceKeyRegistry.NotActive.selector);
        registry.getDeviceKey(DEVICE);
        cheats.expectRevert(DeviceKeyRegistry.NotActive.selector);
        registry.deactivateKey(DEVICE);
        (, bytes32 held,,) = registry.getDeviceKeyAt(DEVICE, 1);
        check(held == key(seed, 1), "still readable");
        check(registry.registerDeviceKey(DEVICE, 1, key(seed, 1)) == 2, "may come back");
    }

    function testFuzz_OnlyTheOwnerRegisters(address who, bytes32 seed) public {
        if (who == address(this)) return;
        cheats.startPrank(who);
        cheats.expectRevert(DeviceKeyRegistry.NotAuthorised.selector);
        registry.registerDeviceKey(DEVICE, 1, key(seed, 1));
        cheats.expectRevert(DeviceKeyRegistry.NotAuthorised.selector);
        registry.deactivateKey(DEVICE);
    }

    function test_RefusesWhatHidesAMistake() public {
        cheats.expectRevert(DeviceKeyRegistry.ZeroKey.selector);
        registry.registerDeviceKey(DEVICE, 1, 0);
        cheats.expectRevert(DeviceKeyRegistry.Unknown.selector);
        registry.getDeviceKey(DEVICE);
        cheats.expectRevert(DeviceKeyRegistry.Unknown.selector);
        registry.getDeviceKeyAt(DEVICE, 1);
        cheats.expectRevert(DeviceKeyRegistry.Unknown.selector);
        registry.deactivateKey(DEVICE);
        registry.registerDeviceKey(DEVICE, 1, keccak256("key"));
        cheats.expectRevert(DeviceKeyRegistry.Unchanged.selector);
        registry.registerDeviceKey(DEVICE, 1, keccak256("key"));
    }

    function key(bytes32 seed, uint32 version) private pure returns (bytes32) {
        return keccak256(abi.encode(seed, version));
    }
}
