// SPDX-License-Identifier: Apache-2.0
// A detector service elsewhere: each picture goes as JPEG to POST /detect.
#include "detect/answer_priv.h"
#include "detect/engine_driver.h"

#include "frames/picture.h"
#include "net/http_client.h"
#include "util/backoff.h"
#include "util/json_reader.h"
#include "util/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    URL_SIZE = 2048 + 16,
    KEY_SIZE = 1024 + 16,
    ANSWER_BYTES_MAX = 1024 * 1024, // some 5000 detections
    JPEG_QUALITY = 90,              // what detectors are trained on is no better
};
static const nj_us retry_cap_us = 30 * (nj_us)NJ_US_PER_S;
static const nj_us cancel_check_us = 200 * (nj_us)NJ_US_PER_MS; // a token cannot wake a waiter

struct http_engine {
    char detect_url[URL_SIZE], health_url[URL_SIZE];
    char key_header[KEY_SIZE]; // "" without a key
    nj_us connect_us, read_us, health_us;
    int64_t tries;
    struct nj_backoff backoff;
    const struct nj_model *model;
    const struct nj_clock *clock;
    struct nj_breaker *breaker;
};

struct http_thread {
    const struct http_engine *engine;
    struct nj_http_client *client;
    struct nj_buf answer;
    struct nj_rng rng;
    pthread_mutex_t mutex; // for waiting only
    pthread_cond_t cond;   // never signalled
};

static int make_urls(struct http_engine *engine, const char *base, struct nj_error *err)
{
    size_t length = base != NULL ? strlen(base) : 0;
    while (length > 0 && base[length - 1] == '/')
        length--;
    if (length == 0 || length >= URL_SIZE - sizeof "/detect")
        return nj_error_set(err, NJ_E_INVALID,
                            "detect.http_url must be the address of a detector service, as in "
                            "http://host:8095");
    snprintf(engine->detect_url, URL_SIZE, "%.*s/detect", (int)length, base);
    snprintf(engine->health_url, URL_SIZE, "%.*s/health", (int)length, base);
    return 0;
}

static int engine_create(const struct nj_engine_config *config, void **out, struct nj_error *err)
{
    const struct nj_detect_options *options = config->options;
    if (config->model->task != NJ_TASK_DETECT)
        return nj_error_set(err, NJ_E_UNSUPPORTED,
                            "the detector service finds things, the model \"%s\" does not",
                            config->model->name);
    struct http_engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the http engine");
    int rc = make_urls(engine, options->http_url, err);
    const char *key = options->http_api_key != NULL ? options->http_api_key : "";
    if (rc == 0 && key[0] != '\0' &&
        snprintf(engine->key_header, KEY_SIZE, "X-API-Key: %s", key) >= KEY_SIZE)
        rc = nj_error_set(err, NJ_E_TOO_BIG, "detect.http_api_key is too long");
    engine->connect_us = options->http_connect_us;
    engine->read_us = options->http_read_us;
    engine->health_us = options->http_health_us;
    engine->tries = options->http_tries > 0 ? options->http_tries : 1;
    engine->backoff =
        (struct nj_backoff){.base_us = options->http_retry_us, .cap_us = retry_cap_us};
    engine->model = config->model;
    engine->clock = config->clock;
    engine->breaker = config->breaker;
    if (rc != 0)
        free(engine);
    else
        *out = engine;
    return rc;
}

static void engine_destroy(void *engine)
{
    free(engine);
}

static const char *engine_device(const void *engine)
{
    (void)engine;
    return "http";
}

static void thread_destroy(void *state)
{
    struct http_thread *thread = state;
    if (thread == NULL)
        return;
    nj_http_client_destroy(thread->client);
    nj_buf_finish(&thread->answer);
    pthread_cond_destroy(&thread->cond);
    pthread_mutex_destroy(&thread->mutex);
    free(thread);
}

static int thread_create(void *engine, void **out, struct nj_error *err)
{
    struct http_thread *thread = calloc(1, sizeof *thread);
    if (thread == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a detector client");
    thread->engine = engine;
    nj_buf_init(&thread->answer, ANSWER_BYTES_MAX);
    nj_rng_seed(&thread->rng, (uint64_t)(uintptr_t)thread);
    pthread_mutex_init(&thread->mutex, NULL);
    int rc = nj_cond_init(&thread->cond);
    if (rc == 0)
        rc = nj_http_client_create(&thread->client, err);
    if (rc != 0)
        thread_destroy(thread);
    else
        *out = thread;
    return rc;
}

// Waits before the next try, in slices, because the token has to be looked at.
static int pause_us(struct http_thread *thread, nj_us span_us, const struct nj_cancel *cancel)
{
    const nj_us end = nj_mono_us(nj_clock_real()) + span_us;
    pthread_mutex_lock(&thread->mutex);
    bool fired = false;
    for (nj_us left = span_us; left > 0 && !fired; left = end - nj_mono_us(nj_clock_real())) {
        nj_cond_wait(&thread->cond, &thread->mutex,
                     left < cancel_check_us ? left : cancel_check_us);
        fired = cancel != NULL && nj_cancel_fired(cancel);
    }
    pthread_mutex_unlock(&thread->mutex);
    return fired ? NJ_E_CANCELLED : 0;
}

static int call_once(struct http_thread *thread, const struct nj_http_part *part,
                     const struct nj_cancel *cancel, struct nj_error *err)
{
    const struct http_engine *engine = thread->engine;
    const char *headers[] = {engine->key_header[0] != '\0' ? engine->key_header : NULL, NULL};
    const struct nj_http_call call = {
        .method = part != NULL ? "POST" : "GET",
        .url = part != NULL ? engine->detect_url : engine->health_url,
        .headers = headers,
        .part = part,
        .connect_timeout_us = part != NULL ? engine->connect_us : engine->health_us,
        .total_timeout_us = part != NULL ? engine->connect_us + engine->read_us : engine->health_us,
        .max_response_bytes = ANSWER_BYTES_MAX,
        .rules = &nj_address_trusted,
        .cancel = cancel};
    int status = 0;
    nj_buf_reset(&thread->answer);
    int rc = nj_http_client_call(thread->client, &call, &status, &thread->answer, err);
    if (rc == 0 && status >= 500)
        rc = nj_error_set(err, NJ_E_UNAVAILABLE, "the detector service answers with status %d",
                          status);
    else if (rc == 0 && status != 200)
        rc = nj_error_set(err, NJ_E_INVALID, "the detector service refuses with status %d", status);
    return rc;
}

static bool may_try_again(int rc)
{
    return rc == NJ_E_UNAVAILABLE || rc == NJ_E_TIMEOUT;
}

static int call_with_tries(struct http_thread *thread, const struct nj_http_part *part,
                           const struct nj_cancel *cancel, struct nj_error *err)
{
    int rc = call_once(thread, part, cancel, err);
    for (unsigned n = 1; may_try_again(rc) && n < thread->engine->tries; n++) {
        const nj_us delay = nj_backoff_delay(&thread->engine->backoff, n, &thread->rng);
        if (pause_us(thread, delay, cancel) != 0)
            return nj_error_set(err, NJ_E_CANCELLED, "cancelled between tries");
        rc = call_once(thread, part, cancel, err);
    }
    return rc;
}

static void report(struct nj_breaker *breaker, uint64_t round, int rc)
{
    if (breaker == NULL)
        return;
    if (rc == NJ_E_CANCELLED)
        nj_breaker_cancelled(breaker, round);
    else if (rc == 0 || rc == NJ_E_INVALID) // a refusal shows that the service is there
        nj_breaker_success(breaker, round);
    else
        nj_breaker_failure(breaker, round);
}

static int read_answer(struct http_thread *thread, const struct nj_answer_place *place,
                       struct nj_detections *out, struct nj_error *err)
{
    json_t *root = NULL;
    int rc =
        nj_json_parse(thread->answer.data, thread->answer.length, ANSWER_BYTES_MAX, &root, err);
    if (rc == 0)
        rc = nj_answer_read(json_object_get(root, "detections"), thread->engine->model, place, out,
                            err);
    json_decref(root);
    if (rc == 0)
        return 0;
    nj_error_prefix(err, "answer of the detector service");
    return rc == NJ_E_NOMEM ? rc : NJ_E_CORRUPT;
}

static void unref_frame(void *owner)
{
    nj_frame_unref(owner);
}

// Moves the planes' beginnings to pixel (x, y), both even.
static void move_planes(struct nj_frame *view, int32_t x, int32_t y)
{
    const bool halved_x = view->format == NJ_PIXEL_I420 || view->format == NJ_PIXEL_I422;
    const bool halved_y = view->format == NJ_PIXEL_I420;
    const int32_t pixel_bytes = view->format == NJ_PIXEL_RGB24 ? 3 : 1;
    for (int p = 0; p < 3 && view->planes[p] != NULL; p++) {
        const ptrdiff_t row = p > 0 && halved_y ? y / 2 : y;
        const ptrdiff_t column = p > 0 && halved_x ? x / 2 : x;
        view->planes[p] += row * view->strides[p] + column * pixel_bytes;
    }
}

// A part of the picture without copying. `crop` in original pixels; its corner moves out to whole
// chroma samples. *place tells how to get back.
static int view_crop(struct nj_frame *frame, const struct nj_rect *crop,
                     struct nj_answer_place *place, struct nj_frame **out, struct nj_error *err)
{
    const float scale_x = (float)frame->width / (float)frame->full_width;
    const float scale_y = (float)frame->height / (float)frame->full_height;
    const float left = fmaxf(crop->x * scale_x, 0);
    const float top = fmaxf(crop->y * scale_y, 0);
    const float right = fminf((crop->x + crop->w) * scale_x, (float)frame->width);
    const float bottom = fminf((crop->y + crop->h) * scale_y, (float)frame->height);
    if (!(right > left && bottom > top))
        return nj_error_set(err, NJ_E_INVALID, "the crop is empty or outside the picture");
    const int32_t x = (int32_t)left & ~1;
    const int32_t y = (int32_t)top & ~1;
    struct nj_frame view = *frame;
    view.width = (int32_t)ceilf(right) - x;
    view.height = (int32_t)ceilf(bottom) - y;
    view.full_width = view.width;
    view.full_height = view.height;
    move_planes(&view, x, y);
    *place = (struct nj_answer_place){.scale_x = 1 / scale_x,
                                      .scale_y = 1 / scale_y,
                                      .origin_x = (float)x / scale_x,
                                      .origin_y = (float)y / scale_y};
    // nj_frame_create calls the release also when it fails.
    int rc = nj_frame_create(&view, unref_frame, nj_frame_ref(frame), out);
    return rc == 0 ? 0 : nj_error_set(err, rc, "no memory for a part of a picture");
}

static int encode(struct nj_frame *frame, const struct nj_rect *crop, struct nj_answer_place *place,
                  struct nj_http_part *out, struct nj_error *err)
{
    static const struct nj_picture_encode request = {.quality = JPEG_QUALITY};
    const struct nj_rect whole = {.w = (float)frame->full_width, .h = (float)frame->full_height};
    struct nj_frame *view = NULL;
    void *bytes = NULL;
    int rc = view_crop(frame, crop != NULL ? crop : &whole, place, &view, err);
    if (rc != 0)
        return rc;
    rc = nj_picture_encode_jpeg(view, &request, &bytes, &out->length, err);
    nj_frame_unref(view);
    out->bytes = bytes;
    return rc;
}

static int detect(void *state, const struct nj_detect_request *request, size_t index,
                  struct nj_detections *out, struct nj_error *err)
{
    struct http_thread *thread = state;
    const struct http_engine *engine = thread->engine;
    struct nj_http_part part = {
        .name = "file", .file_name = "frame.jpg", .content_type = "image/jpeg"};
    struct nj_answer_place place = {0};
    const nj_us begin = nj_mono_us(engine->clock);
    uint64_t round = 0;
    int rc = engine->breaker != NULL ? nj_breaker_enter(engine->breaker, &round, err) : 0;
    if (rc != 0)
        return rc;
    rc = encode(request->frames[index], request->crops != NULL ? &request->crops[index] : NULL,
                &place, &part, err);
    if (rc != 0) { // nothing was said about the service
        if (engine->breaker != NULL)
            nj_breaker_cancelled(engine->breaker, round);
        return rc;
    }
    out->prepare_us = nj_mono_us(engine->clock) - begin;
    rc = call_with_tries(thread, &part, request->cancel, err);
    rc = rc != 0 ? rc : read_answer(thread, &place, out, err);
    report(engine->breaker, round, rc);
    out->engine_us = nj_mono_us(engine->clock) - begin - out->prepare_us;
    free((void *)part.bytes);
    return rc;
}

static int probe(void *state, struct nj_error *err)
{
    int rc = call_once(state, NULL, NULL, err);
    return rc == NJ_E_INVALID ? NJ_E_UNAVAILABLE : rc;
}

const struct nj_engine_driver nj_engine_http = {
    .name = "http",
    .create = engine_create,
    .destroy = engine_destroy,
    .device = engine_device,
    .thread_create = thread_create,
    .thread_destroy = thread_destroy,
    .model_name = "yolo26", // as its clients call the service, and with its defaults
    .threshold = 0.5,
    .fast_path_threshold = 0.9,
    .detect = detect,
    .probe = probe,
};
