// SPDX-License-Identifier: Apache-2.0
// Option tables for the tests, and loading from a text.
#include "tests/unit/config/options_helper.h"

#include "tests/fake/temp_dir.h"
#include "util/file.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static const char *const mode_choices[] = {"fast", "good", "best", NULL};

static const struct nj_option batch_table[] = {
    {.name = "window_seconds",
     .env = "BATCH_WINDOW_SECONDS",
     .type = NJ_OPTION_SECONDS,
     .offset = offsetof(struct batch_options, window_us),
     .min = 1,
     .max = 3600,
     .unit = "s",
     .fallback = "90",
     .reloadable = true,
     .help = "How long a batch may stay open after its first detection."},
    {.name = "max_detections",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct batch_options, max_detections),
     .min = 1,
     .max = 500,
     .unit = "items",
     .fallback = "50",
     .reloadable = true,
     .help = "Closes a batch that has this many."},
    {.name = "threshold",
     .env = "FAST_PATH_CONFIDENCE_THRESHOLD",
     .type = NJ_OPTION_NUMBER,
     .offset = offsetof(struct batch_options, threshold),
     .min = 0,
     .max = 1,
     .fallback = "0.9",
     .help = "Confidence from which a detection is analysed at once."},
    {.name = "enabled",
     .type = NJ_OPTION_BOOL,
     .offset = offsetof(struct batch_options, enabled),
     .fallback = "true",
     .help = "Whether there are batches at all."},
    {.name = "mode",
     .type = NJ_OPTION_CHOICE,
     .offset = offsetof(struct batch_options, mode),
     .fallback = "good",
     .choices = mode_choices,
     .help = "Speed | quality."},
    {.name = "object_types",
     .env = "FAST_PATH_OBJECT_TYPES",
     .type = NJ_OPTION_TEXT_LIST,
     .offset = offsetof(struct batch_options, object_types),
     .min = 0,
     .max = 4,
     .fallback = "person, car",
     .help = "Classes of the fast path."},
};

static const struct nj_option server_table[] = {
    {.name = "host",
     .type = NJ_OPTION_TEXT,
     .offset = offsetof(struct server_options, host),
     .min = 1,
     .max = 64,
     .fallback = "127.0.0.1",
     .help = "Address to listen on."},
    {.name = "media_path",
     .type = NJ_OPTION_PATH,
     .offset = offsetof(struct server_options, media_path),
     .min = 1, // no upper limit
     .fallback = "",
     .help = "Folder of the pictures."},
    {.name = "password",
     .env = "SERVER_PASSWORD",
     .type = NJ_OPTION_TEXT,
     .offset = offsetof(struct server_options, password),
     .min = 4,
     .max = 100,
     .fallback = "",
     .secret = true,
     .help = "Password of the peer."},
    {.name = "api_keys",
     .type = NJ_OPTION_TEXT_LIST,
     .offset = offsetof(struct server_options, api_keys),
     .fallback = "",
     .secret = true,
     .help = "Keys that clients may use."},
};

static const struct nj_option zone_table[] = {
    {.name = "name",
     .type = NJ_OPTION_TEXT,
     .offset = offsetof(struct zone_options, name),
     .min = 1,
     .max = 32,
     .fallback = "",
     .help = "Name of the zone."},
};

static const struct nj_option_group zone_members = {
    "zone", "Zone", zone_table, NJ_COUNT_OF(zone_table), sizeof(struct zone_options)};

static const struct nj_option camera_table[] = {
    {.name = "name",
     .type = NJ_OPTION_TEXT,
     .offset = offsetof(struct camera_options, name),
     .min = 1,
     .max = 32,
     .fallback = "",
     .help = "Name of the camera."},
    {.name = "url",
     .type = NJ_OPTION_TEXT,
     .offset = offsetof(struct camera_options, url),
     .fallback = "",
     .secret = true,
     .help = "Where its stream is."},
    {.name = "fps",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct camera_options, fps),
     .min = 1,
     .max = 60,
     .fallback = "5",
     .help = "Frames a second."},
    {.name = "labels",
     .type = NJ_OPTION_TEXT_LIST,
     .offset = offsetof(struct camera_options, labels),
     .fallback = "person",
     .help = "Classes to look for."},
    {.name = "zones",
     .type = NJ_OPTION_OBJECTS,
     .offset = offsetof(struct camera_options, zones),
     .fallback = "",
     .members = &zone_members,
     .help = "Zones of its picture."},
};

static const struct nj_option_group camera_members = {
    "camera", "Camera", camera_table, NJ_COUNT_OF(camera_table), sizeof(struct camera_options)};

static const struct nj_option cameras_table[] = {
    {.name = "list",
     .type = NJ_OPTION_OBJECTS,
     .offset = offsetof(struct cameras_options, list),
     .min = 0,
     .max = 3,
     .fallback = "",
     .members = &camera_members,
     .help = "The cameras."},
};

const struct nj_option_group batch_group = {"batch", "Batches", batch_table,
                                            NJ_COUNT_OF(batch_table), sizeof(struct batch_options)};
const struct nj_option_group server_group = {
    "server", "Server", server_table, NJ_COUNT_OF(server_table), sizeof(struct server_options)};
const struct nj_option_group cameras_group = {"cameras", "Cameras", cameras_table,
                                              NJ_COUNT_OF(cameras_table),
                                              sizeof(struct cameras_options)};
const struct nj_option_group *const test_groups[] = {&batch_group, &server_group, &cameras_group,
                                                     NULL};

int load_config(const char *file_path, const char *const *environment, const char *const *sets,
                struct nj_config **out, struct nj_error *err)
{
    const struct nj_config_input input = {test_groups, file_path, environment, sets, NULL};
    return nj_config_load(&input, out, err);
}

int load_text(const char *name, const char *text, struct nj_config **out, struct nj_error *err)
{
    struct nj_temp_dir dir = {0};
    assert_non_null(text);
    nj_temp_dir_init(&dir);
    char path[NJ_TEMP_PATH_MAX];
    nj_temp_dir_path(&dir, name, path);
    assert_int_equal(nj_file_write_atomic(path, text, strlen(text), NULL), 0);
    int code = load_config(path, NULL, NULL, out, err);
    size_t folder = strlen(dir.path) + 1;
    if (code != 0 && err && strncmp(err->text, dir.path, folder - 1) == 0)
        memmove(err->text, err->text + folder, strlen(err->text + folder) + 1);
    nj_temp_dir_finish(&dir);
    return code;
}

const struct batch_options *batch_of(const struct nj_config *config)
{
    return nj_config_get(config, &batch_group);
}

const struct server_options *server_of(const struct nj_config *config)
{
    return nj_config_get(config, &server_group);
}

const struct camera_options *camera_of(const struct nj_config *config, size_t index)
{
    const struct cameras_options *cameras = nj_config_get(config, &cameras_group);
    assert_true(index < cameras->list.count);
    return (const struct camera_options *)cameras->list.items + index;
}
