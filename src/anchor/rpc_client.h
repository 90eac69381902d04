#pragma once

#include <memory>

#include "anchor/http_post.h"
#include "anchorlog/anchor/chain_client.h"

namespace anchorlog::anchor {

// The client over any transport, so that answers can be scripted.
[[nodiscard]] std::unique_ptr<ChainClient> make_rpc_client_over(std::unique_ptr<HttpPost> http);

}  // namespace anchorlog::anchor
