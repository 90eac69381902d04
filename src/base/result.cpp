#include "anchorlog/base/result.h"

namespace anchorlog {

std::string_view to_string(Errc code) noexcept {
    switch (code) {
        case Errc::invalid_input:
            return "invalid_input";
        case Errc::not_found:
            return "not_found";
        case Errc::corruption:
            return "corruption";
        case Errc::io:
            return "io";
        case Errc::storage_full:
            return "storage_full";
        case Errc::unavailable:
            return "unavailable";
        case Errc::refused:
            return "refused";
        case Errc::internal:
            return "internal";
    }
    return "unknown";
}

}  // namespace anchorlog
