// SPDX-License-Identifier: Apache-2.0
// An engine that finds what its script says: the template of engines, and their double in tests.
#include "detect/answer_priv.h"
#include "detect/engine_driver.h"

#include "util/file.h"
#include "util/json_reader.h"
#include "util/mem.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

enum { SCRIPT_BYTES_MAX = 4 * 1024 * 1024 };

struct null_engine {
    char *fails;                    // the script says that this model fails so; NULL: it works
    struct nj_detections *pictures; // one of the script each, repeated from the start
    size_t count;
};

static int read_pictures(struct null_engine *engine, const json_t *script,
                         const struct nj_model *model, struct nj_error *err)
{
    static const struct nj_answer_place as_written = {.scale_x = 1, .scale_y = 1};
    if (!json_is_array(script))
        return nj_error_set(err, NJ_E_INVALID, "expected a list of lists of detections");
    const size_t count = json_array_size(script);
    engine->pictures = calloc(count > 0 ? count : 1, sizeof *engine->pictures);
    if (engine->pictures == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for %zu pictures", count);
    engine->count = count;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = nj_answer_read(json_array_get(script, i), model, &as_written, &engine->pictures[i],
                            err);
    return rc;
}

// A script for all models, or an object with one for each by its name, where a text instead is how
// that model fails.
static int read_model(struct null_engine *engine, const json_t *root, const struct nj_model *model,
                      struct nj_error *err)
{
    const json_t *script = json_is_object(root) ? json_object_get(root, model->name) : root;
    if (script == NULL)
        return 0;
    if (root == script || !json_is_string(script))
        return read_pictures(engine, script, model, err);
    engine->fails = nj_strdup(json_string_value(script));
    return engine->fails != NULL ? 0 : nj_error_set(err, NJ_E_NOMEM, "no memory for a script");
}

static int read_script(struct null_engine *engine, const struct nj_engine_config *config,
                       struct nj_error *err)
{
    const char *script = config->options->null_script;
    if (script == NULL || script[0] == '\0')
        return 0;
    json_t *root = NULL;
    int rc = script[0] == '[' || script[0] == '{'
                 ? nj_json_parse(script, strlen(script), SCRIPT_BYTES_MAX, &root, err)
                 : nj_json_parse_file(script, SCRIPT_BYTES_MAX, &root, err);
    rc = rc != 0 ? rc : read_model(engine, root, config->model, err);
    json_decref(root);
    if (rc != 0)
        nj_error_prefix(err, "detect.null_script");
    return rc;
}

static void engine_destroy(void *state)
{
    struct null_engine *engine = state;
    if (engine != NULL) {
        free(engine->pictures);
        free(engine->fails);
    }
    free(engine);
}

static int engine_create(const struct nj_engine_config *config, void **out, struct nj_error *err)
{
    struct null_engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the null engine");
    int rc = read_script(engine, config, err);
    if (rc != 0)
        engine_destroy(engine);
    else
        *out = engine;
    return rc;
}

static const char *engine_device(const void *engine)
{
    (void)engine;
    return "null";
}

// The script does not change after creation, so a thread needs no state but the engine.
static int thread_create(void *engine, void **out, struct nj_error *err)
{
    (void)err;
    *out = engine;
    return 0;
}

static void thread_destroy(void *thread)
{
    (void)thread;
}

static bool is_in(const struct nj_rect *crop, const struct nj_rect *box)
{
    const float x = box->x + box->w / 2;
    const float y = box->y + box->h / 2;
    return x >= crop->x && x < crop->x + crop->w && y >= crop->y && y < crop->y + crop->h;
}

static int detect(void *thread, const struct nj_detect_request *request, size_t index,
                  struct nj_detections *out, struct nj_error *err)
{
    const struct null_engine *engine = thread;
    const struct nj_frame *frame = request->frames[index];
    out->count = 0;
    if (engine->fails != NULL)
        return nj_error_set(err, NJ_E_UNAVAILABLE, "%s", engine->fails);
    if (engine->count == 0)
        return 0;
    // By the frame's own number, so that threads do not change the outcome. Stills have none.
    const uint64_t turn = frame->sequence > 0 ? frame->sequence - 1 : 0;
    const struct nj_detections *picture = &engine->pictures[turn % engine->count];
    memcpy(out->text, picture->text, sizeof out->text);
    out->text_confidence = picture->text_confidence;
    // Of a part of the picture, what has its centre there.
    const struct nj_rect *crop = request->crops != NULL ? &request->crops[index] : NULL;
    for (size_t i = 0; i < picture->count; i++) {
        if (crop == NULL || is_in(crop, &picture->items[i].box))
            out->items[out->count++] = picture->items[i];
    }
    return 0;
}

const struct nj_engine_driver nj_engine_null = {
    .name = "null",
    .create = engine_create,
    .destroy = engine_destroy,
    .device = engine_device,
    .thread_create = thread_create,
    .thread_destroy = thread_destroy,
    .detect = detect,
};
