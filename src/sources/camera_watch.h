// SPDX-License-Identifier: Apache-2.0
// Watches when cameras were last seen: one that was silent for too long goes offline, and is told.
#ifndef NJ_SOURCES_CAMERA_WATCH_H
#define NJ_SOURCES_CAMERA_WATCH_H

#include "bus/bus.h"
#include "storage/store.h"
#include "util/log.h"

struct nj_camera_watch_config {
    struct nj_loop *loop;
    struct nj_store *store;
    struct nj_bus *bus;
    struct nj_log *log;
    nj_us offline_after_us; // CAMERA_OFFLINE_AFTER_SECONDS
};

struct nj_camera_watch; // loop thread only

int nj_camera_watch_create(const struct nj_camera_watch_config *config,
                           struct nj_camera_watch **out, struct nj_error *err);
// Looks every tenth of offline_after, at least every second: online cameras whose last_seen is too
// old become "offline" with the reason and a "camera_status" message.
int nj_camera_watch_start(struct nj_camera_watch *watch, struct nj_error *err);
void nj_camera_watch_stop(struct nj_camera_watch *watch);
void nj_camera_watch_destroy(struct nj_camera_watch *watch);

#endif
