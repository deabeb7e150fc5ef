// SPDX-License-Identifier: Apache-2.0
// Table events: an analysed batch. batch_id is unique: one event a batch, whatever crashes.
#ifndef NJ_STORAGE_STORE_EVENTS_H
#define NJ_STORAGE_STORE_EVENTS_H

#include "storage/store_batches.h"

enum {
    NJ_EVENT_SUMMARY_SIZE = 1024,
    NJ_EVENT_TEXT_SIZE = 4096,
    NJ_EVENT_BREAKDOWN_SIZE = 2048,
    NJ_EVENT_NOTES_SIZE = 4096,
};

struct nj_event_row {
    int64_t id;
    char batch_id[NJ_BATCH_ID_SIZE];
    char camera_id[NJ_CAMERA_ID_SIZE];
    nj_us started_us, ended_us, created_us; // wall
    int risk_score;                         // 0..100
    char risk_level[16];                    // "low" "medium" "high" "critical"
    char summary[NJ_EVENT_SUMMARY_SIZE];
    char reasoning[NJ_EVENT_TEXT_SIZE];
    char breakdown[NJ_EVENT_BREAKDOWN_SIZE]; // JSON array: what the score is made of
    char analyser[32];                       // "rules", "llm", "rules_fallback"
    char object_types[512];                  // comma list, most frequent first
    int64_t detection_count, best_detection_id;
    bool reviewed, is_fast_path;
    char notes[NJ_EVENT_NOTES_SIZE];
    int64_t version; // +1 at each change; for If-Match
};

// Sets row->id, created_us when it is 0, and version; the event's detections are those of its
// batch. NJ_E_EXISTS when the batch has its event: row->id
// is then the existing one.
int nj_events_insert(struct nj_db *db, struct nj_event_row *row, struct nj_error *err);
int nj_events_get(struct nj_db *db, int64_t id, struct nj_event_row *out, struct nj_error *err);

struct nj_event_filter {
    const char *camera_id, *risk_level, *object_type,
        *text;            // NULL: any; text: in summary, reasoning
    int reviewed;         // -1 any, 0, 1
    nj_us from_us, to_us; // 0: open
    int64_t before_id;    // cursor: events made before this one; 0: from the newest on
    size_t limit;         // 1..1000
};
// In the order in which they were made, newest first: an old photo that comes now is news, whatever
// its camera's time. from_us and to_us are of what is seen (started_us).
int nj_events_list(struct nj_db *db, const struct nj_event_filter *filter,
                   struct nj_event_row **out, size_t *out_count, struct nj_error *err);
int nj_events_count(struct nj_db *db, const struct nj_event_filter *filter, int64_t *out,
                    struct nj_error *err);

struct nj_event_patch {
    const bool *reviewed; // NULL: as it is
    const char *notes;    // NULL: as it is
    int64_t if_version;   // 0: whatever it is; else NJ_E_CONFLICT when it differs
};
int nj_events_patch(struct nj_db *db, int64_t id, const struct nj_event_patch *patch,
                    struct nj_event_row *out, struct nj_error *err);

// Neighbours in the same filterless list; 0 where there is none.
int nj_events_neighbours(struct nj_db *db, int64_t id, int64_t *out_newer, int64_t *out_older,
                         struct nj_error *err);
// Events of the camera that started at or after `since_us`: for "recent activity". Not counted on
// beyond NJ_EVENTS_RECENT_MAX, so that a busy hour does not make each of its events dearer.
enum { NJ_EVENTS_RECENT_MAX = 100 };
int nj_events_recent(struct nj_db *db, const char *camera_id, nj_us since_us, int64_t *out,
                     struct nj_error *err);
// Highest score per span of 60 minutes, the one that ends now last, `hours` places; -1 where
// nothing happened.
int nj_events_hourly_risk(struct nj_db *db, nj_us now_us, size_t hours, int *out,
                          struct nj_error *err);

#endif
