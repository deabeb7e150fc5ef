// SPDX-License-Identifier: Apache-2.0
// What the files of the set of live cameras share.
#ifndef NJ_PIPELINE_LIVE_SET_PRIV_H
#define NJ_PIPELINE_LIVE_SET_PRIV_H

#include "pipeline/live_set.h"
#include "util/list.h"

#include <stdatomic.h>

struct nj_live_item {
    struct nj_config_object *object;     // of an added one
    const struct nj_source_entry *entry; // of the configuration or the object
    bool paused;
    int64_t version;
    char problem[256];
    struct nj_live_pipeline *pipeline;
};

struct nj_live_work; // a change on its way, live_change.c

struct nj_live_set {
    struct nj_live_set_config config;
    struct nj_live_item items[NJ_LIVE_CAMERAS_MAX];
    size_t count;
    struct nj_list works; // changes, oldest first; the first is under way
    size_t work_count;
    struct nj_call rested;   // a pipeline came to rest
    atomic_bool rest_posted; // `rested` is on its way
    bool stopping;
};

struct nj_live_item *nj_live_item_find(struct nj_live_set *set, const char *id);
// Puts an item at its place; its members are taken. NJ_E_FULL.
int nj_live_item_add(struct nj_live_set *set, const struct nj_live_item *item,
                     struct nj_error *err);
void nj_live_item_remove(struct nj_live_set *set, struct nj_live_item *item);
// Makes and starts the item's pipeline; a failure becomes its problem.
int nj_live_item_play(struct nj_live_set *set, struct nj_live_item *item, int64_t last_track,
                      struct nj_error *err);
// Of a write operation: the camera's row, and the track id it goes on from.
int nj_live_camera_prepare(struct nj_db *db, const struct nj_source_entry *entry,
                           int64_t *out_last_track, struct nj_error *err);

// live_change.c
void nj_live_changes_cancel(struct nj_live_set *set);
bool nj_live_changes_idle(const struct nj_live_set *set);
// Of the set's pipelines: nj_live_config.rested.
void nj_live_change_rested(void *set);
void nj_live_change_handle_rested(struct nj_call *call);

#endif
