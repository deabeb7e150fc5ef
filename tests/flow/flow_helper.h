// SPDX-License-Identifier: Apache-2.0
// The whole daemon in a folder of its own, on a clock that stands still: files go in, and what came
// of them is read with SQLite itself, from the messages, from the log and from the files.
#ifndef NJ_FLOW_HELPER_H
#define NJ_FLOW_HELPER_H

#include "app/app.h"
#include "app/app_priv.h"
#include "tests/fake/fake_clock.h"
#include "tests/fake/temp_dir.h"

#include <stdbool.h>
#include <stddef.h>

enum { FLOW_SETS_MAX = 48, FLOW_SET_SIZE = 1024 };

// One object on every picture.
#define FLOW_CAR                                                                                   \
    "[[{\"class\":\"car\",\"confidence\":0.6,"                                                     \
    "\"bbox\":{\"x\":8,\"y\":8,\"width\":40,\"height\":30}}]]"
// Sure enough for the fast path of the model.
#define FLOW_PERSON                                                                                \
    "[[{\"class\":\"person\",\"confidence\":0.9,"                                                  \
    "\"bbox\":{\"x\":8,\"y\":8,\"width\":20,\"height\":40}}]]"

struct flow {
    struct nj_temp_dir dir;
    struct nj_fake_clock clock;
    struct nj_loop *loop;
    struct nj_log *log;
    struct nj_config *config;
    struct nj_app *app; // NULL: not running
    char sets[FLOW_SETS_MAX][FLOW_SET_SIZE];
    size_t set_count;
    const char *reload_set; // added by a reload; NULL: none
    bool stopped;
    struct nj_bus_subscriber events, system;
    char messages[256 * 1024]; // "tag json\n" each
    size_t messages_length;
};

int flow_setup(void **state); // of a cmocka test; nothing runs yet
int flow_teardown(void **state);

// "group.name=value"; a later one for the same option wins. Before flow_start.
void flow_set(struct flow *flow, const char *format, ...) __attribute__((format(printf, 2, 3)));
void flow_start(struct flow *flow); // fails the test when the daemon does not start
int flow_try_start(struct flow *flow, struct nj_error *err);
void flow_stop(struct flow *flow); // drains, and destroys it
void flow_kill(struct flow *flow); // destroys it as it stands

// Fake time goes on in steps, so that timers in between have their turn.
void flow_advance(struct flow *flow, nj_us us);
// Handles what comes until the condition holds; the test fails after 20 s.
typedef bool (*flow_condition)(struct flow *flow, const char *arg);
void flow_until(struct flow *flow, flow_condition condition, const char *arg);
// Until the first column of the query's first row is at least `value`.
void flow_until_sql(struct flow *flow, int64_t value, const char *sql);
void flow_until_logged(struct flow *flow, const char *message);
// Until nothing is in the watched folder's hands, the queues are empty and nobody works.
void flow_until_quiet(struct flow *flow);
void flow_turn(struct flow *flow); // once, waiting a moment for something to come

int64_t flow_sql_int(struct flow *flow, const char *sql);
void flow_sql_text(struct flow *flow, const char *sql, char *out, size_t size);
void flow_sql_run(struct flow *flow, const char *sql);
size_t flow_count_messages(const struct flow *flow, const char *tag);
size_t flow_count_logged(struct flow *flow, const char *text);

// A picture of its own for each number, in cameras/<name>, taken at the fake clock's time.
void *flow_make_picture(unsigned number, size_t *out_length); // JPEG; free()
void flow_put_picture(struct flow *flow, const char *name, unsigned number);
void flow_put_bytes(struct flow *flow, const char *name, const void *bytes, size_t length);
size_t flow_count_files(struct flow *flow, const char *folder); // below it, at any depth

#endif
