// SPDX-License-Identifier: Apache-2.0
// The states of one session and what leads from one to the next.
#include "pipeline/session.h"

#include "util/mem.h"
#include "util/text.h"

#include <string.h>

const char *nj_session_state_name(enum nj_session_state state)
{
    static const char *const names[] = {"idle", "running", "waiting", "active", "hold"};
    return (size_t)state < NJ_COUNT_OF(names) ? names[state] : "idle";
}

void nj_session_init(struct nj_session *session, const struct nj_session_options *options,
                     nj_us now_us)
{
    *session = (struct nj_session){.options = options, .since_us = now_us, .seen_us = now_us};
}

static void enter(struct nj_session *session, enum nj_session_state state, nj_us now_us)
{
    session->state = state;
    session->since_us = now_us;
}

// The next car begins with nothing of the last one.
static void enter_idle(struct nj_session *session, nj_us now_us)
{
    enter(session, NJ_SESSION_IDLE, now_us);
    session->track_id = 0;
    session->id[0] = '\0';
    session->id_is_number = false;
    session->stage[0] = '\0';
}

static bool is_quiet(const struct nj_session *session)
{
    const struct nj_text_list *stages = &session->options->quiet_stages;
    for (size_t i = 0; i < stages->count; i++) {
        if (strcmp(stages->items[i], session->stage) == 0)
            return true;
    }
    return false;
}

static bool is_lost(const struct nj_session *session, nj_us now_us)
{
    return session->track_id != 0 && now_us - session->seen_us > session->options->lost_us;
}

static bool is_cooling(const struct nj_session *session, int64_t track_id, nj_us now_us)
{
    return track_id == session->failed_track &&
           now_us - session->failed_us < session->options->cooldown_us;
}

enum nj_session_effect nj_session_stable(struct nj_session *session, int64_t track_id, nj_us now_us)
{
    nj_session_seen(session, track_id, now_us);
    if (session->state == NJ_SESSION_ACTIVE && session->track_id == 0) {
        // The id came before its car was known, after a restart of ours say: this is the car.
        session->track_id = track_id;
        session->seen_us = now_us;
    }
    if (session->state != NJ_SESSION_IDLE || is_cooling(session, track_id, now_us))
        return NJ_SESSION_NOTHING;
    enter(session, NJ_SESSION_RUNNING, now_us);
    session->track_id = track_id;
    session->seen_us = now_us;
    return NJ_SESSION_RUN;
}

void nj_session_seen(struct nj_session *session, int64_t track_id, nj_us now_us)
{
    if (track_id == session->track_id)
        session->seen_us = now_us;
}

// A car that left while it mattered. While fuelling it may be hidden by people and doors: the
// session goes on until its id is cleared.
static enum nj_session_effect leave(struct nj_session *session, nj_us now_us)
{
    const bool quiet = is_quiet(session);
    if (quiet && session->state == NJ_SESSION_ACTIVE)
        return NJ_SESSION_NOTHING;
    enter_idle(session, now_us);
    return quiet ? NJ_SESSION_NOTHING : NJ_SESSION_ABANDONED;
}

enum nj_session_effect nj_session_tick(struct nj_session *session, nj_us now_us)
{
    const bool lost = is_lost(session, now_us);
    switch (session->state) {
    case NJ_SESSION_IDLE:
    case NJ_SESSION_RUNNING: // the run ends by its own deadlines
        break;
    case NJ_SESSION_WAITING:
        if (lost)
            return leave(session, now_us);
        if (now_us - session->since_us >= session->options->wait_us)
            enter_idle(session, now_us);
        break;
    case NJ_SESSION_ACTIVE:
        if (lost)
            return leave(session, now_us);
        break;
    case NJ_SESSION_HOLD:
        if (lost)
            enter_idle(session, now_us);
        break;
    }
    return NJ_SESSION_NOTHING;
}

void nj_session_ran(struct nj_session *session, int64_t track_id, bool found, nj_us now_us)
{
    if (session->state != NJ_SESSION_RUNNING || session->track_id != track_id)
        return;
    if (!found) {
        session->failed_track = track_id;
        session->failed_us = now_us;
    }
    if (session->id[0] != '\0')
        enter(session, NJ_SESSION_ACTIVE, now_us); // the id came during the run
    else if (found)
        enter(session, NJ_SESSION_WAITING, now_us);
    else
        enter_idle(session, now_us);
}

static void clear_id(struct nj_session *session, nj_us now_us)
{
    session->id[0] = '\0';
    session->id_is_number = false;
    const bool has_car = session->state == NJ_SESSION_WAITING ||
                         (session->state == NJ_SESSION_ACTIVE && session->track_id != 0);
    if (has_car)
        enter(session, NJ_SESSION_HOLD, now_us);
    else if (session->state == NJ_SESSION_ACTIVE)
        enter_idle(session, now_us);
}

void nj_session_set_id(struct nj_session *session, const char *id, bool is_number, nj_us now_us)
{
    if (id == NULL || id[0] == '\0') {
        clear_id(session, now_us);
        return;
    }
    nj_text_copy(session->id, sizeof session->id, id);
    session->id_is_number = is_number;
    if (session->state != NJ_SESSION_RUNNING && session->state != NJ_SESSION_ACTIVE)
        enter(session, NJ_SESSION_ACTIVE, now_us);
}

void nj_session_set_stage(struct nj_session *session, const char *stage)
{
    nj_text_copy(session->stage, sizeof session->stage, stage != NULL ? stage : "");
}
