#include "app/step_watch.h"

#include <gtest/gtest.h>

#include "app/status_page.h"

namespace anchorlog::app {
namespace {

TEST(StepWatch, TellsHowLongAStepIsHeld) {
    StepWatch watch;
    EXPECT_EQ(watch.held_ms(SteadyTime{5'000}), 0);
    watch.begin(SteadyTime{5'000});
    EXPECT_EQ(watch.held_ms(SteadyTime{5'000}), 0);
    EXPECT_EQ(watch.held_ms(SteadyTime{17'345}), 12'345);
    watch.end();
    EXPECT_EQ(watch.held_ms(SteadyTime{99'000}), 0);
}

TEST(StepWatch, AReaderWhoseClockReadIsOlderSeesNoNegativeTime) {
    StepWatch watch;
    watch.begin(SteadyTime{5'000});
    EXPECT_EQ(watch.held_ms(SteadyTime{4'999}), 0);
}

TEST(HealthPage, FailsWhenAStepIsHeldForMoreThanTenSeconds) {
    EXPECT_EQ(health_page(0).status, 200u);
    EXPECT_EQ(health_page(10'000).status, 200u);
    const auto stalled = health_page(10'001);
    EXPECT_EQ(stalled.status, 503u);
    EXPECT_NE(stalled.body.find("10.001 s"), std::string::npos) << stalled.body;
}

}  // namespace
}  // namespace anchorlog::app
