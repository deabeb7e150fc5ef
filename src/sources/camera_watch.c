// SPDX-License-Identifier: Apache-2.0
// Watches when cameras were last seen; changes of their status are told once they are durable.
#include "sources/camera_watch.h"

#include "bus/messages.h"
#include "storage/store_cameras.h"
#include "util/strmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOKS_PER_LIMIT = 10,
    LOOK_LEAST_US = NJ_US_PER_S,
};

struct nj_camera_watch {
    struct nj_camera_watch_config config;
    struct nj_log *log;
    struct nj_timer timer;
    struct nj_store_op op;
    struct nj_outbox outbox;      // of the operation
    struct nj_strmap *changes;    // id -> mark; results of the operation
    struct nj_strmap *offline;    // ids that were told as offline; loop thread, not while busy
    char mark_offline, mark_back; // only their addresses count
    bool busy, destroyed;
};

static void free_watch(struct nj_camera_watch *watch)
{
    nj_outbox_reset(&watch->outbox);
    nj_strmap_destroy(watch->offline);
    nj_strmap_destroy(watch->changes);
    nj_log_destroy(watch->log);
    free(watch);
}

int nj_camera_watch_create(const struct nj_camera_watch_config *config,
                           struct nj_camera_watch **out, struct nj_error *err)
{
    struct nj_camera_watch *watch = calloc(1, sizeof *watch);
    int rc = watch ? 0 : NJ_E_NOMEM;
    if (rc == 0) {
        nj_outbox_init(&watch->outbox);
        watch->config = *config;
        watch->offline = nj_strmap_create(NULL);
        rc = watch->offline ? nj_log_child(config->log, "camera_watch", &watch->log) : NJ_E_NOMEM;
    }
    if (rc != 0) {
        if (watch)
            free_watch(watch);
        return nj_error_set(err, rc, "camera watch: no memory");
    }
    *out = watch;
    return 0;
}

static int go_offline(struct nj_camera_watch *watch, struct nj_db *db, struct nj_camera_row *camera,
                      struct nj_error *err)
{
    char previous[sizeof camera->status];
    memcpy(previous, camera->status, sizeof previous);
    (void)snprintf(camera->reason, sizeof camera->reason, "no picture for %lld s",
                   (long long)((nj_db_now_us(db) - camera->last_seen_us) / NJ_US_PER_S));
    (void)snprintf(camera->status, sizeof camera->status, "offline");
    int rc = nj_cameras_set_status(db, camera->id, camera->status, camera->reason, err);
    if (rc == 0)
        rc = nj_message_camera_status(&watch->outbox, camera, previous, nj_db_now_us(db));
    if (rc == 0)
        rc = nj_strmap_set(watch->changes, camera->id, &watch->mark_offline);
    return rc;
}

static int look_at(struct nj_camera_watch *watch, struct nj_db *db, struct nj_camera_row *camera,
                   struct nj_error *err)
{
    if (strcmp(camera->status, "online") != 0)
        return 0;
    if (nj_db_now_us(db) - camera->last_seen_us > watch->config.offline_after_us)
        return go_offline(watch, db, camera, err);
    // Seen in the future: the clock was set back. Its silence counts from now on.
    if (camera->last_seen_us > nj_db_now_us(db)) {
        const int rc = nj_cameras_touch(db, camera->id, nj_db_now_us(db), NULL, err);
        if (rc != 0)
            return rc;
    }
    if (!nj_strmap_get(watch->offline, camera->id))
        return 0;
    int rc = nj_message_camera_status(&watch->outbox, camera, "offline", nj_db_now_us(db));
    return rc == 0 ? nj_strmap_set(watch->changes, camera->id, &watch->mark_back) : rc;
}

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct nj_camera_watch *watch = NJ_CONTAINER_OF(op, struct nj_camera_watch, op);
    struct nj_camera_row *cameras = NULL;
    size_t count = 0;
    nj_outbox_reset(&watch->outbox);
    nj_strmap_destroy(watch->changes); // of a first run
    watch->changes = nj_strmap_create(NULL);
    if (!watch->changes)
        return nj_error_set(err, NJ_E_NOMEM, "camera watch: no memory");
    int rc = nj_cameras_list(db, &cameras, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = look_at(watch, db, &cameras[i], err);
    free(cameras);
    return rc;
}

// What is committed now is what was told. Without memory a return goes untold, no more.
static size_t keep_changes(struct nj_camera_watch *watch)
{
    size_t cursor = 0;
    size_t silent = 0;
    const char *id = NULL;
    void *mark = NULL;
    while (nj_strmap_next(watch->changes, &cursor, &id, &mark)) {
        if (mark == &watch->mark_back)
            nj_strmap_remove(watch->offline, id);
        else if (nj_strmap_set(watch->offline, id, watch) == 0)
            silent++;
    }
    return silent;
}

static void handle_done(struct nj_store_op *op)
{
    struct nj_camera_watch *watch = NJ_CONTAINER_OF(op, struct nj_camera_watch, op);
    watch->busy = false;
    if (watch->destroyed) {
        free_watch(watch);
        return;
    }
    if (op->rc != 0) {
        nj_outbox_reset(&watch->outbox);
        nj_log_at(watch->log, NJ_LOG_WARNING, "Cameras could not be looked after",
                  NJ_TEXT("error", op->error.text));
        return;
    }
    size_t silent = keep_changes(watch);
    if (silent > 0)
        nj_log_at(watch->log, NJ_LOG_WARNING, "Cameras went offline",
                  NJ_INT("cameras", (int64_t)silent));
    nj_outbox_publish(&watch->outbox, watch->config.bus);
}

static void handle_timer(struct nj_timer *timer)
{
    struct nj_camera_watch *watch = NJ_CONTAINER_OF(timer, struct nj_camera_watch, timer);
    if (watch->busy)
        return;
    watch->op = (struct nj_store_op){
        .apply = apply,
        .done = handle_done,
        .loop = watch->config.loop,
    };
    watch->busy = nj_store_write(watch->config.store, &watch->op) == 0;
}

int nj_camera_watch_start(struct nj_camera_watch *watch, struct nj_error *err)
{
    nj_us period_us = watch->config.offline_after_us / LOOKS_PER_LIMIT;
    if (period_us < LOOK_LEAST_US)
        period_us = LOOK_LEAST_US;
    nj_timer_init(&watch->timer, watch->config.loop, handle_timer);
    int rc = nj_timer_start(&watch->timer, period_us, period_us);
    return rc == 0 ? 0 : nj_error_set(err, rc, "camera watch: no memory for its timer");
}

void nj_camera_watch_stop(struct nj_camera_watch *watch)
{
    if (watch)
        nj_timer_stop(&watch->timer);
}

void nj_camera_watch_destroy(struct nj_camera_watch *watch)
{
    if (!watch)
        return;
    nj_camera_watch_stop(watch);
    if (watch->busy)
        watch->destroyed = true; // its operation brings it to its end
    else
        free_watch(watch);
}
