// SPDX-License-Identifier: Apache-2.0
// Option tables for the tests: one option of every type, and the shapes of real settings.
#ifndef NJ_TEST_OPTIONS_HELPER_H
#define NJ_TEST_OPTIONS_HELPER_H

#include "config/config.h"
#include "util/clock.h"

enum { MODE_FAST, MODE_GOOD, MODE_BEST };

struct batch_options {
    nj_us window_us;
    int64_t max_detections;
    double threshold;
    bool enabled;
    int mode;
    struct nj_text_list object_types;
};

struct server_options {
    const char *host;
    const char *media_path;
    const char *password;
    struct nj_text_list api_keys;
};

struct zone_options {
    const char *name;
};

struct camera_options {
    const char *name;
    const char *url;
    int64_t fps;
    struct nj_text_list labels;
    struct nj_object_list zones;
};

struct cameras_options {
    struct nj_object_list list;
};

extern const struct nj_option_group batch_group;
extern const struct nj_option_group server_group;
extern const struct nj_option_group cameras_group;
extern const struct nj_option_group *const test_groups[];

// Loads; all three may be NULL.
int load_config(const char *file_path, const char *const *environment, const char *const *sets,
                struct nj_config **out, struct nj_error *err);
// Writes `text` into a new file `name` of a temporary folder, loads it, and removes both. In the
// error's text the folder is left out: "name:line:column: ...".
int load_text(const char *name, const char *text, struct nj_config **out, struct nj_error *err);

const struct batch_options *batch_of(const struct nj_config *config);
const struct server_options *server_of(const struct nj_config *config);
const struct camera_options *camera_of(const struct nj_config *config, size_t index);

#endif
