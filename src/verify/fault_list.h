#pragma once

#include <string>
#include <utility>
#include <vector>

#include "anchorlog/verify/report.h"
#include "verify/line_stream.h"

namespace anchorlog::verify {

// Collects faults; a fault that goes on where the one before stopped becomes part of it.
class FaultList {
public:
    void add(Fault fault);
    [[nodiscard]] bool empty() const { return faults_.empty(); }
    [[nodiscard]] std::size_t size() const { return faults_.size() + unlisted_; }
    void move_to(Report& report);
    [[nodiscard]] std::vector<Fault> take() { return std::move(faults_); }

private:
    std::vector<Fault> faults_;
    std::uint64_t unlisted_ = 0;
};

// A segment whose name is not the number of lines before it.
[[nodiscard]] Fault misnamed_fault(const Segment& segment);

// A fault of one batch as a whole.
[[nodiscard]] Fault batch_fault(std::string kind, std::uint64_t batch, std::string phrase);

}  // namespace anchorlog::verify
