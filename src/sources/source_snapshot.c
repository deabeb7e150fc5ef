// SPDX-License-Identifier: Apache-2.0
// A camera that gives single pictures over HTTP: one GET an interval, conditional where the camera
// says how. Redirects are followed here, so that each address is held against the rules.
#include "net/http_client.h"
#include "net/url.h"
#include "sources/source_driver.h"
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    REDIRECTS_MAX = 5,
    INTERVAL_LEAST_US = 50 * NJ_US_PER_MS,
    IDLE_US = NJ_US_PER_S, // how often an unused source looks for users
    TIMEOUT_US = 10 * NJ_US_PER_S,
    BYTES_MAX = 32 * 1024 * 1024,
    MEGAPIXELS_MAX = 64,
    CONDITION_SIZE = NJ_HTTP_TAG_SIZE + 32,
    STATUS_OK = 200,
    STATUS_REDIRECT = 300,
    STATUS_UNCHANGED = 304,
    STATUS_ERROR = 400,
};

static const char *const schemes[] = {"http", "https", NULL};
static const struct nj_picture_limits limits = {BYTES_MAX, MEGAPIXELS_MAX};

struct viewer {
    struct nj_source *source;
    struct nj_http_client *client;
    struct nj_picture_decoder *decoder;
    struct nj_http_answer_head head; // of the picture that was shown last
    struct nj_buf body;
    int32_t width, height; // of that picture; 0: none yet
};

static void destroy(void *state)
{
    struct viewer *viewer = state;
    nj_picture_decoder_destroy(viewer->decoder);
    nj_http_client_destroy(viewer->client);
    nj_buf_finish(&viewer->body);
    free(viewer);
}

static int create(const struct nj_source_entry *entry, void **out, struct nj_error *err)
{
    struct nj_url url;
    if (!entry->url || entry->url[0] == '\0')
        return nj_error_set(err, NJ_E_INVALID, "url: name the http:// address of a picture");
    int rc = nj_source_entry_url(entry, schemes, &url, err);
    struct viewer *viewer = rc == 0 ? calloc(1, sizeof *viewer) : NULL;
    if (rc != 0)
        return rc;
    if (!viewer)
        return nj_error_set(err, NJ_E_NOMEM, "no memory");
    nj_buf_init(&viewer->body, BYTES_MAX);
    rc = nj_http_client_create(&viewer->client, err);
    if (rc == 0 && nj_picture_decoder_create(&viewer->decoder) != 0)
        rc = nj_error_set(err, NJ_E_NOMEM, "no memory");
    if (rc == 0)
        *out = viewer;
    else
        destroy(viewer);
    return rc;
}

static int judge_status(int status, struct nj_error *err)
{
    if (status == STATUS_OK || (status >= STATUS_REDIRECT && status < STATUS_ERROR))
        return 0;
    if (status == 401 || status == 403)
        return nj_error_set(err, NJ_E_INVALID, "the camera refused user and password (%d)", status);
    if (status == 404)
        return nj_error_set(err, NJ_E_NOT_FOUND, "the camera has no such picture (404)");
    return nj_error_set(err, NJ_E_UNAVAILABLE, "the camera answered with status %d", status);
}

// One request. `conditions` holds up to two headers that let the camera say "unchanged".
static int get(struct viewer *viewer, const struct nj_url *url, const char *const *conditions,
               struct nj_http_answer_head *head, struct nj_error *err)
{
    const struct nj_source_entry *entry = nj_source_entry_of(viewer->source);
    nj_us timeout_us = entry->connect_timeout_us > 0 ? entry->connect_timeout_us : TIMEOUT_US;
    struct nj_url bare = *url;
    char text[NJ_URL_MAX];
    int status = 0;
    bare.user[0] = bare.password[0] = '\0';
    if (!nj_url_write(&bare, text, sizeof text))
        return nj_error_set(err, NJ_E_INVALID, "the address is too long");
    const struct nj_http_call call = {
        .url = text,
        .headers = conditions,
        .connect_timeout_us = timeout_us,
        .total_timeout_us = timeout_us,
        .max_response_bytes = BYTES_MAX,
        .cancel = nj_source_cancel(viewer->source),
        .username = url->user[0] != '\0' ? url->user : NULL,
        .password = url->password,
        .any_certificate = !entry->tls_verify,
        .rules = nj_source_rules(viewer->source),
        .head = head,
    };
    nj_buf_reset(&viewer->body);
    int rc = nj_http_client_call(viewer->client, &call, &status, &viewer->body, err);
    if (rc == 0)
        rc = judge_status(status, err);
    return rc == 0 ? status : rc;
}

static size_t make_conditions(const struct viewer *viewer, char (*texts)[CONDITION_SIZE],
                              const char **out)
{
    size_t count = 0;
    if (viewer->width == 0)
        return 0;
    if (viewer->head.etag[0] != '\0') {
        (void)snprintf(texts[count], CONDITION_SIZE, "If-None-Match: %s", viewer->head.etag);
        out[count] = texts[count];
        count++;
    }
    if (viewer->head.last_modified[0] != '\0') {
        (void)snprintf(texts[count], CONDITION_SIZE, "If-Modified-Since: %s",
                       viewer->head.last_modified);
        out[count] = texts[count];
        count++;
    }
    return count;
}

static bool is_moved(int status)
{
    return status > STATUS_REDIRECT && status < STATUS_ERROR && status != STATUS_UNCHANGED;
}

// The status of the picture, after redirects.
static int fetch(struct viewer *viewer, struct nj_http_answer_head *head, struct nj_error *err)
{
    char texts[2][CONDITION_SIZE];
    const char *conditions[3] = {NULL};
    struct nj_url url = {.port = 0}, next;
    int rc = nj_source_entry_url(nj_source_entry_of(viewer->source), schemes, &url, err);
    (void)make_conditions(viewer, texts, conditions);
    for (int i = 0; rc == 0; i++) {
        int status = get(viewer, &url, conditions, head, err);
        if (status < 0 || !is_moved(status))
            return status;
        if (i == REDIRECTS_MAX)
            return nj_error_set(err, NJ_E_UNAVAILABLE, "more than %d redirects", REDIRECTS_MAX);
        rc = nj_address_check_form(nj_source_rules(viewer->source), head->location, schemes, err);
        if (rc == 0)
            rc = nj_url_parse(head->location, &next, err);
        if (rc != 0)
            return nj_error_prefix(err, "redirect");
        nj_url_carry_login(&url, &next);
        url = next;
    }
    return rc;
}

static int show(struct viewer *viewer, struct nj_error *err)
{
    const struct nj_picture_request request = {
        .bytes = viewer->body.data,
        .length = viewer->body.length,
        .limits = &limits,
        .strict = true,
    };
    struct nj_frame *frame = NULL;
    if (viewer->body.length == 0)
        return nj_error_set(err, NJ_E_CORRUPT, "the camera answered with nothing");
    int rc = nj_picture_decode(viewer->decoder, &request, &frame, err);
    if (rc != 0)
        return rc;
    if (viewer->width != 0 && (frame->width != viewer->width || frame->height != viewer->height))
        nj_source_reset(viewer->source);
    viewer->width = frame->width;
    viewer->height = frame->height;
    nj_source_hand_on(viewer->source, frame);
    return 0;
}

static int take_picture(struct viewer *viewer, struct nj_error *err)
{
    struct nj_http_answer_head head = {.location = ""};
    int status = fetch(viewer, &head, err);
    if (status < 0)
        return status;
    if (status == STATUS_UNCHANGED && viewer->width != 0) {
        nj_source_skip(viewer->source, viewer->width, viewer->height);
        return 0;
    }
    if (status != STATUS_OK)
        return nj_error_set(err, NJ_E_UNAVAILABLE, "the camera answered with status %d", status);
    int rc = show(viewer, err);
    if (rc == 0)
        viewer->head = head;
    return rc;
}

// From one beginning to the next: a slow camera does not stretch the interval. Whoever comes or
// goes changes the interval, and whoever comes to an idle source begins it.
static bool wait_for_turn(struct nj_source *source, nj_us begun_us, bool idle)
{
    bool woken = true;
    while (woken) {
        const nj_us interval_us = nj_source_interval(source);
        const nj_us from_us = interval_us > INTERVAL_LEAST_US ? interval_us : INTERVAL_LEAST_US;
        nj_us wait_us = begun_us + from_us - nj_mono_us(nj_source_clock(source));
        if (idle && wait_us > IDLE_US)
            wait_us = IDLE_US;
        if (!nj_source_rest(source, wait_us > 0 ? wait_us : 0, &woken))
            return false;
        woken = woken && !idle;
    }
    return true;
}

static int play(void *state, struct nj_source *source, struct nj_error *err)
{
    struct viewer *viewer = state;
    viewer->source = source;
    viewer->width = viewer->height = 0;
    for (;;) {
        const nj_us begun_us = nj_mono_us(nj_source_clock(source));
        const bool idle = nj_source_demand(source) == NJ_DEMAND_NONE;
        const int rc = idle ? 0 : take_picture(viewer, err);
        if (rc != 0)
            return rc;
        if (!wait_for_turn(source, begun_us, idle))
            return NJ_E_CANCELLED;
    }
}

const struct nj_source_driver nj_source_snapshot = {
    .create = create,
    .destroy = destroy,
    .play = play,
};
