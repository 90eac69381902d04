#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/canonical_json.h"
#include "app/config.h"
#include "fuzz/target.h"

namespace anchorlog::fuzz {

void config(ByteView input) {
    const std::string_view text = as_text(input);
    const auto config = app::parse_config(text, "/base");
    if (!config) {
        require(!config.error().message.empty(), "a refusal says why");
        return;
    }
    const auto canonical = wire::canonicalize(text);
    require(canonical.has_value(), "a configuration is JSON by our rules");
    require(wire::is_origin(config->origin), "the origin is one");
    for (const std::string* path :
         {&config->store_dir, &config->tls.certificate_path, &config->tls.key_path,
          &config->tls.client_ca_path, &config->registry_path, &config->signing_key_path}) {
        require(path->starts_with('/'), "a path is joined to the file's directory");
    }
    require(config->policy.entries >= 1 && config->policy.interval_s >= 1, "a policy is in range");
    require(config->listen.connections_max >= 1 && config->listen.io_threads >= 1,
            "limits are in range");
    require(config->journal.tail_rewrite_bytes == config->sequencer.group_bytes_max,
            "recovery rewrites what a group may hold");
    const auto again = app::parse_config(*canonical, "/base");
    require(again && again->origin == config->origin && again->listen.port == config->listen.port,
            "a configuration means one thing");
}

}  // namespace anchorlog::fuzz
