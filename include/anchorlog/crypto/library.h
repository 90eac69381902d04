#pragma once

namespace anchorlog::crypto {

// For a program whose answer must be the same on every machine: OpenSSL reads no configuration
// file, which could bring in other code. Before anything else of this module, once.
void ignore_system_configuration();

}  // namespace anchorlog::crypto
