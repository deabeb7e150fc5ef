// SPDX-License-Identifier: Apache-2.0
// A model pipeline as its archive describes it (pipeline.json): nodes with a model, branches
// and actions each, checked strictly. Plain immutable data once parsed.
#ifndef NJ_ARCHIVES_SPEC_H
#define NJ_ARCHIVES_SPEC_H

#include "archives/template.h"
#include "net/url.h"
#include "util/clock.h"
#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { // what a stranger's archive may ask for; the error names the limit
    NJ_SPEC_NODES_MAX = 64,
    NJ_SPEC_DEPTH_MAX = 8,
    NJ_SPEC_NAMES_MAX = 64, // classes, branches or fields of one list
    NJ_SPEC_ACTIONS_MAX = 32,
    NJ_SPEC_NAME_SIZE = 128,
    NJ_SPEC_JSON_MAX = 1 << 20 // bytes
};

enum { NJ_SPEC_EXPIRE_DEFAULT = -1 }; // of a saved image: as the site says

struct nj_spec_names {
    char **items;
    size_t count;
};

enum nj_action_kind {
    NJ_ACTION_REDIS_SAVE_IMAGE,
    NJ_ACTION_REDIS_PUBLISH,
    NJ_ACTION_POSTGRESQL_CREATE_RECORD,
    NJ_ACTION_POSTGRESQL_UPDATE,
    NJ_ACTION_POSTGRESQL_UPDATE_COMBINED,
    NJ_ACTION_PUBLISH_MESSAGE,
    NJ_ACTION_HTTP_POST,
    NJ_ACTION_KIND_COUNT
};
extern const char *const nj_action_kind_names[NJ_ACTION_KIND_COUNT]; // "redis_save_image", ...

struct nj_spec_field { // a column and what is written there
    char column[NJ_SPEC_NAME_SIZE];
    struct nj_template *value;
};

struct nj_spec_action {
    enum nj_action_kind kind;
    char path[NJ_SPEC_NAME_SIZE]; // "pipeline.branches[0].actions[1]", for errors and logs
    // redis_save_image
    struct nj_template *key;
    char region[NJ_SPEC_NAME_SIZE]; // class whose box is cut out; "": the whole frame
    bool png;                       // else JPEG
    int quality;                    // 1..100
    int64_t expire_seconds;         // NJ_SPEC_EXPIRE_DEFAULT: not given; 0: for ever
    // redis_publish, publish_message: channel or topic; http_post: address
    char channel[512];
    struct nj_template *message; // also the body of http_post; JSON-escaped where it is JSON
    // postgresql_*; of a new record key_field is "session_id" where it is not given
    char table[NJ_SPEC_NAME_SIZE]; // "table" or "schema.table", each [A-Za-z_][A-Za-z0-9_]{0,62}
    char key_field[64];
    struct nj_template *key_value;
    struct nj_spec_field *fields;
    size_t field_count;
    struct nj_spec_names wait_for; // modelIds, anywhere below this node
};

enum nj_tracking_method { NJ_TRACKING_BYTETRACK, NJ_TRACKING_BOTSORT, NJ_TRACKING_STRONGSORT };

struct nj_spec_tracking {
    bool enabled;
    enum nj_tracking_method method; // every one is mapped on our tracker; the report names both
    int64_t stability_threshold;    // frames in a row; 0: not given
    // From `config`, where given (0 else): they override the options of group "track".
    double high_score, low_score, new_score;
    int64_t lost_frames, confirm_hits;
};

enum nj_partial_branches { NJ_PARTIAL_ANY, NJ_PARTIAL_ALL };

struct nj_spec_node {
    char model_id[NJ_SPEC_NAME_SIZE];
    char model_file[NJ_SPEC_NAME_SIZE]; // as given; a ".pt" is served by the ".onnx" beside it
    char path[NJ_SPEC_NAME_SIZE];       // "pipeline.branches[0]"
    size_t index;                       // of the node in the tree, in reading order, from 0
    bool crop, multi_class, parallel;
    double min_confidence; // negative: not given
    struct nj_spec_names trigger_classes, expected_classes;
    char crop_class[NJ_SPEC_NAME_SIZE];  // "": what triggered it
    int32_t resize_width, resize_height; // 0: the model's own input size
    bool straighten;                     // crop along the landmarks of what triggered it
    nj_us timeout_us;                    // of this branch; 30 s
    enum nj_partial_branches partial;    // "partial_branches"
    struct nj_spec_tracking tracking;
    struct nj_spec_action *actions, *parallel_actions;
    size_t action_count, parallel_action_count;
    struct nj_spec_node *branches;
    size_t branch_count;
};

struct nj_spec_redis {
    bool given;
    char host[NJ_URL_HOST_SIZE];
    int port, database;
    char password[256]; // the reference ("env:NAME", "file:PATH") or, with a warning, the text
};
struct nj_spec_postgresql {
    bool given;
    char host[NJ_URL_HOST_SIZE], database[64], username[64];
    int port;
    char password[256];
};

struct nj_spec_warnings { // unknown template names, mapped trackers, passwords in plain text ...
    char (*items)[256];
    size_t count;
};

struct nj_spec {
    struct nj_spec_node root;
    size_t node_count;
    struct nj_spec_redis redis;
    struct nj_spec_postgresql postgresql;
    struct nj_spec_warnings warnings;
};

// Reads pipeline.json. NJ_E_INVALID and NJ_E_TOO_BIG name the path of the mistake
// ("pipeline.branches[1].minConfidence") and what is allowed. The caller owns *out.
int nj_spec_parse(const char *json, size_t length, struct nj_spec **out, struct nj_error *err);
void nj_spec_destroy(struct nj_spec *spec);

// Depth first from the root; NULL when there is none.
const struct nj_spec_node *nj_spec_find(const struct nj_spec *spec, const char *model_id);

#endif
