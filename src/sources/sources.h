// SPDX-License-Identifier: Apache-2.0
// Sources: what yields media. Live sources give perishable frames; the folder source turns files
// into durable work.
#ifndef NJ_SOURCES_SOURCES_H
#define NJ_SOURCES_SOURCES_H

#include "config/options.h"
#include "frames/frame.h"
#include "frames/picture.h"
#include "health/metrics.h"
#include "health/registry.h"
#include "jobs/work_queue.h"
#include "loop/loop.h"
#include "net/address_rules.h"
#include "storage/store_cameras.h"
#include "util/log.h"

enum nj_source_kind { NJ_SOURCE_FILE, NJ_SOURCE_RTSP, NJ_SOURCE_SNAPSHOT, NJ_SOURCE_NULL };

enum nj_source_state {
    NJ_SOURCE_STOPPED,
    NJ_SOURCE_STARTING,
    NJ_SOURCE_ACTIVE,
    NJ_SOURCE_ERROR, // tries again; the reason is told
    NJ_SOURCE_ENDED, // played once to its end
    NJ_SOURCE_FAILED // gave up after max_retries
};

// One entry of `sources.list` in the configuration.
struct nj_source_entry {
    const char *id;                  // [a-z0-9_]{1,64}
    const char *name;                // for people; "" : the id
    int kind;                        // enum nj_source_kind: "file", "rtsp", "snapshot", "null"
    const char *path;                // of a file
    const char *url;                 // of rtsp (rtsp, rtsps) and snapshot (http, https)
    const char *username, *password; // secret; override those of the URL
    nj_us snapshot_interval_us;      // between two GETs
    bool tls_verify;                 // check the certificates of rtsps and https
    nj_us connect_timeout_us;        // until the first picture, or a snapshot's end; 0: default
    nj_us reconnect_us;              // after the first failure; doubles up to 64 times, with jitter
    int64_t max_retries; // tries after failures in a row; beyond: NJ_SOURCE_FAILED; -1: no end
    bool keyframes_when_still; // decode keyframes only while nothing moves
    const char *detect_url;    // sub-stream that is detected on instead of `url`; "" none
    bool paused;               // listed, not played
    bool loop;                 // play again from the start
    bool paced;                // at the file's own speed; false: as fast as frames are taken
    double fps;                // frames handed on per second at most; 0: all
    struct nj_text_list masks; // each "x,y x,y x,y ..." in 0..1: ignored by the motion gate
};
// The choices of `kind`, NULL-terminated.
extern const char *const nj_source_kinds[];
extern const struct nj_option_group nj_source_entry_group; // of one entry

struct nj_sources_options {
    struct nj_object_list list;    // of struct nj_source_entry
    nj_us offline_after_us;        // CAMERA_OFFLINE_AFTER_SECONDS
    struct nj_address_rules rules; // of the addresses in the list
};
extern const struct nj_option_group nj_sources_option_group; // group "sources"

struct nj_source_stats {
    enum nj_source_state state;
    char reason[256];
    int code;             // of the reason: enum nj_error_code; 0: none
    char last_error[256]; // stays when it plays again; "" none since the start
    int last_error_code;  // enum nj_error_code
    nj_us last_error_us;  // wall
    uint64_t frames;      // pictures that came
    uint64_t decoded;     // of an RTSP camera: those that were worth it
    uint64_t dropped, restarts;
    uint64_t packets_lost; // of an RTSP camera: sent by it, and never here
    double fps;            // over the last seconds
    nj_us last_frame_us;   // wall; 0: none yet
    int32_t width, height;
};

// What a live source's user needs of its pictures.
enum nj_source_demand {
    NJ_DEMAND_ALL,
    NJ_DEMAND_KEYFRAMES, // nothing moves: keyframes are enough
    NJ_DEMAND_NONE       // nobody looks; the connection stays
};

// When a stream has keyframes. Those are the cheapest pictures: none before them has to be decoded.
struct nj_source_keys {
    nj_us next_us;  // until the next one; 0: this is one
    nj_us every_us; // 0: not known or irregular
};

// What a live source tells its user. Called from: its capture thread. All but `frame` may be NULL.
struct nj_source_sink {
    void (*frame)(void *context, struct nj_frame *frame); // borrowed; take a reference to keep it
    void (*reset)(
        void *context); // the picture starts anew (reconnect, loop, size): forget the past
    void (*changed)(void *context); // state or reason did, or the thread is about to end
    enum nj_source_demand (*demand)(void *context); // NULL: all
    // A picture of this time would be taken; NULL: yes.
    bool (*wanted)(void *context, nj_us mono_us, const struct nj_source_keys *keys);
    // Time between two snapshots now, which nj_source_wake tells a change of; NULL: the entry's.
    nj_us (*interval)(void *context);
    // The rules of its address now; valid as long as the source. NULL: those of the config.
    const struct nj_address_rules *(*rules)(void *context);
    void *context;
};

struct nj_source_config {
    const struct nj_source_entry *entry;  // outlives the source
    const struct nj_address_rules *rules; // of its address, outlive the source
    const struct nj_clock *clock;
    struct nj_source_sink sink;
    struct nj_log *log;
};

struct nj_source;

// Live source of the entry's kind. NJ_E_INVALID names the entry's id and path or address. Media
// that is not there is no error here: the started source is in NJ_SOURCE_ERROR and tries again.
int nj_source_create(const struct nj_source_config *config, struct nj_source **out,
                     struct nj_error *err);
// Also revives one that ended or failed.
int nj_source_start(struct nj_source *source, struct nj_error *err);
void nj_source_ask_stop(struct nj_source *source); // returns at once; `changed` tells of the end
// What the sink answers to `demand` or `interval` has changed: a source that waits for its next
// snapshot asks again. Any thread.
void nj_source_wake(struct nj_source *source);
bool nj_source_finished(struct nj_source *source); // no thread, or one that is about to end
void nj_source_stop(struct nj_source *source);     // joins its thread
void nj_source_destroy(struct nj_source *source);
void nj_source_get_stats(struct nj_source *source, struct nj_source_stats *out); // any thread

// "starting", "active", "error", ... Static.
const char *nj_source_state_name(enum nj_source_state state);

#endif
