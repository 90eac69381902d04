#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "anchorlog/base/assert.h"

namespace anchorlog::testing {

// A fresh directory of mode 0700, removed with everything in it at destruction.
class TempDir {
public:
    TempDir() : path_((std::filesystem::temp_directory_path() / "anchorlog-XXXXXX").string()) {
        ANCHORLOG_ASSERT(::mkdtemp(path_.data()) != nullptr);
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

}  // namespace anchorlog::testing
