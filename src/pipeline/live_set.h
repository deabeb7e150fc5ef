// SPDX-License-Identifier: Apache-2.0
// All live cameras: those of the configuration and those that people added, and their changes while
// the program runs. Loop thread only.
#ifndef NJ_PIPELINE_LIVE_SET_H
#define NJ_PIPELINE_LIVE_SET_H

#include "config/config_object.h"
#include "pipeline/live.h"
#include "storage/store_sources.h"

enum { NJ_LIVE_CAMERAS_MAX = 256 }; // far more than one machine decodes

struct nj_live_set_config {
    struct nj_live_config live;               // of every camera; entry and last_track are the set's
    const struct nj_sources_options *sources; // of the configuration; outlives the set
    struct nj_log *log;
};

struct nj_live_set;

int nj_live_set_create(const struct nj_live_set_config *config, struct nj_live_set **out,
                       struct nj_error *err);
// Makes and starts all cameras that are not paused; waits on the store. One of the configuration
// that cannot be made is an error; one that was added keeps its place and tells its problem.
int nj_live_set_start(struct nj_live_set *set, struct nj_error *err);
// Capture ends; what is under way goes on until nj_live_set_idle. No changes any more: those that
// wait end with NJ_E_CANCELLED.
void nj_live_set_stop(struct nj_live_set *set);
bool nj_live_set_idle(struct nj_live_set *set);
void nj_live_set_destroy(struct nj_live_set *set);

struct nj_live_camera { // borrowed during the call
    const struct nj_source_entry *entry;
    bool configured; // stands in the configuration: it can be paused, not changed or removed
    bool paused;
    int64_t version;                   // of an added one; 0 for others
    const char *problem;               // why there is no pipeline; "" else
    struct nj_live_pipeline *pipeline; // NULL: paused, or a problem
};
void nj_live_set_each(struct nj_live_set *set,
                      void (*see)(const struct nj_live_camera *camera, void *arg), void *arg);
// False: unknown id.
bool nj_live_set_get(struct nj_live_set *set, const char *id, struct nj_live_camera *out);
// NULL when the camera has none now.
struct nj_live_pipeline *nj_live_set_find(struct nj_live_set *set, const char *id);
size_t nj_live_set_count(const struct nj_live_set *set);

enum nj_live_change_kind {
    NJ_LIVE_ADD,
    NJ_LIVE_REPLACE, // a password that is not given stays, and whether it is paused
    NJ_LIVE_REMOVE,
    NJ_LIVE_PAUSE,
    NJ_LIVE_RESUME
};

struct nj_live_change { // caller-owned and intrusive; valid until `done` has begun
    enum nj_live_change_kind kind;
    const char *id;   // of all but ADD; copied
    const char *json; // of ADD and REPLACE: the entry
    size_t length;
    // The loop thread, once, also for refusals. NJ_E_INVALID, NJ_E_EXISTS, NJ_E_NOT_FOUND,
    // NJ_E_DENIED (configured), NJ_E_CONFLICT (NJ_LIVE_CAMERAS_MAX are there), NJ_E_FULL (too many
    // changes wait), and the store's errors.
    void (*done)(struct nj_live_change *change);
    int rc;
    struct nj_error error;
    char changed_id[NJ_CAMERA_ID_SIZE]; // of the camera, also of ADD
    void *work;                         // the set's
};
void nj_live_set_change(struct nj_live_set *set, struct nj_live_change *change);

struct nj_live_entry_input {
    const char *json;
    size_t length;
    const struct nj_source_entry *old; // whose password stays when none is given; may be NULL
    const char *id;                    // where the entry has none; NULL: it must have one
};
struct nj_live_entry {
    struct nj_config_object *object; // a struct nj_source_entry
    char *json;                      // as it is kept: without `paused`, with its secrets
    int paused;                      // 0 or 1; -1: not said
};
// Reads an entry that a client gave: kinds rtsp and snapshot only, user and password of the address
// moved to their members. NJ_E_INVALID names the member; also when an address leads to where
// nj_url_carry_login would take no login from the old one, because a kept secret goes nowhere else.
// An address as nj_address_redact shows the old one means the old one; NJ_E_INVALID: another with
// hidden values.
int nj_live_entry_parse(const struct nj_live_entry_input *input, struct nj_live_entry *out,
                        struct nj_error *err);
void nj_live_entry_finish(struct nj_live_entry *entry); // accepts a zeroed one

#endif
