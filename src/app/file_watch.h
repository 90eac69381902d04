#pragma once

#include <functional>
#include <string>
#include <vector>

namespace anchorlog::app {

// Which file stands at a path, and in what state: another text for every change of it. A link
// counts as what it leads to.
[[nodiscard]] std::string file_stamp(const std::string& path);

// Tells when files have been changed and are left alone again: who renews a certificate and its
// key writes two files, and between the two nothing fits. One thread.
class FileWatch {
public:
    using Stamp = std::function<std::string(const std::string& path)>;

    explicit FileWatch(std::vector<std::string> paths, Stamp stamp = file_stamp);

    // To be asked once a period. True when something is not as it was at the last mark(), and all
    // has been the same for a period.
    [[nodiscard]] bool has_settled_change();
    // What stands there now is about to be read.
    void mark();

private:
    [[nodiscard]] std::vector<std::string> look() const;

    const std::vector<std::string> paths_;
    const Stamp stamp_;
    std::vector<std::string> marked_;
    std::vector<std::string> seen_;
};

}  // namespace anchorlog::app
