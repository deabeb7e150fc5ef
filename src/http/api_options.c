// SPDX-License-Identifier: Apache-2.0
// Options of the API.
#include "http/http.h"

#include <stddef.h>

#define MEMBER(field) offsetof(struct nj_api_options, field)

static const struct nj_option options[] = {
    {.name = "key_enabled",
     .env = "API_KEY_ENABLED",
     .type = NJ_OPTION_BOOL,
     .offset = MEMBER(api_key_enabled),
     .fallback = "false",
     .help = "Ask for an API key everywhere but /, /health, /ready and the page's own files."},
    {.name = "keys",
     .env = "API_KEYS",
     .type = NJ_OPTION_TEXT_LIST,
     .offset = MEMBER(api_keys),
     .min = 0,
     .max = 256,
     .secret = true,
     .fallback = "",
     .help = "Keys that may come in: plain, or \"sha256:\" and the 64 hex digits of their digest."},
    {.name = "websocket_token",
     .env = "WEBSOCKET_TOKEN",
     .type = NJ_OPTION_TEXT,
     .offset = MEMBER(websocket_token),
     .secret = true,
     .fallback = "",
     .help = "When set, WebSocket clients give it as ?token=, or an API key where keys are on."},
    {.name = "allow_open",
     .type = NJ_OPTION_BOOL,
     .offset = MEMBER(allow_open),
     .fallback = "false",
     .help = "Listen on an address that others reach although no API key is asked for."},
    {.name = "allowed_hosts",
     .type = NJ_OPTION_TEXT_LIST,
     .offset = MEMBER(allowed_hosts),
     .min = 0,
     .max = 256,
     .fallback = "",
     .help = "Further names (\"name\" or \"name:port\") in Host and Origin, as behind a proxy."},
    {.name = "web_root",
     .type = NJ_OPTION_PATH,
     .offset = MEMBER(web_root),
     .fallback = "",
     .help = "Folder of the built page; empty: beside the program."},
    {.name = "source_test_seconds",
     .type = NJ_OPTION_SECONDS,
     .offset = MEMBER(source_test_us),
     .min = 1,
     .max = 60,
     .unit = "s",
     .fallback = "10",
     .help = "How long the test of a camera may wait for its first picture."},
};

const struct nj_option_group nj_api_option_group = {
    .name = "api",
    .title = "API and page",
    .options = options,
    .count = sizeof options / sizeof options[0],
    .struct_size = sizeof(struct nj_api_options),
};
