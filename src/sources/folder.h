// SPDX-License-Identifier: Apache-2.0
// The folder source: one watched root, one folder a camera, files become durable work. Has a thread
// of its own for reading and hashing; its accept transaction marks the content, remembers the
// file, makes the camera and fills the queue, all or nothing.
#ifndef NJ_SOURCES_FOLDER_H
#define NJ_SOURCES_FOLDER_H

#include "sources/sources.h"
#include "sources/upload_item.h"

struct nj_folder_options {
    const char *root;          // FOSCAM_BASE_PATH
    bool polling;              // FILE_WATCHER_POLLING
    nj_us polling_interval_us; // FILE_WATCHER_POLLING_INTERVAL
    nj_us dedupe_ttl_us;       // DEDUPE_TTL_SECONDS 300 (60..3600)
    nj_us settle_us;           // polling: size unchanged this long
    int64_t min_image_bytes;   // 10240
    int64_t min_video_bytes;   // 1024
    int64_t max_video_bytes;
    int64_t max_cameras; // made on first sight; more folders are refused
};
extern const struct nj_option_group nj_folder_option_group; // group "folder"

struct nj_folder_config {
    const struct nj_folder_options *options; // outlives the source
    struct nj_picture_limits picture_limits;
    struct nj_loop *loop;
    struct nj_store *store;
    struct nj_work_queue *queue; // detection_queue
    struct nj_metrics *metrics;
    struct nj_log *log;
    // A camera was made or seen. Called from: loop thread. May be NULL.
    void (*camera_seen)(void *context, const char *camera_id, bool created);
    void *context;
};

struct nj_folder_source;

int nj_folder_source_create(const struct nj_folder_config *config, struct nj_folder_source **out,
                            struct nj_error *err);
int nj_folder_source_start(struct nj_folder_source *source, struct nj_error *err);
// Takes no new files; what was noticed and is not accepted stays on disk and is found at the next
// start. Joins its thread.
void nj_folder_source_stop(struct nj_folder_source *source);
void nj_folder_source_destroy(struct nj_folder_source *source);

struct nj_folder_stats {
    uint64_t noticed, accepted, duplicates, refused, pushed_back;
    int64_t pending, watches;
    bool watching, scanning;
    char problem[256]; // "" when all is well: root gone, watch limit, ...
};
void nj_folder_source_get_stats(struct nj_folder_source *source,
                                struct nj_folder_stats *out); // any thread

#endif
