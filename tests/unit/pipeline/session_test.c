// SPDX-License-Identifier: Apache-2.0
// Histories of sessions: each step, what it led to, and the state after it.
#include "pipeline/session.h"

#include "util/mem.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

int session_test(void);

static const char *const quiet[] = {"car_fueling", "car_waitpayment"};
static const struct nj_session_options options = {.wait_us = 30 * NJ_US_PER_S,
                                                  .cooldown_us = 10 * NJ_US_PER_S,
                                                  .lost_us = 5 * NJ_US_PER_S,
                                                  .quiet_stages = {quiet, 2}};

enum what { STABLE, SEEN, TICK, FOUND, NOTHING_FOUND, ID, NUMBER, CLEAR, STAGE, NO_STAGE };
enum { IDLE, RUNNING, WAITING, ACTIVE, HOLD };
enum { NOTHING, RUN, ABANDONED };

struct step {
    double at_s;
    enum what what;
    int64_t track;
    const char *text;
    int effect, state;
};

struct history {
    const char *why;
    struct step steps[16];
};

static const struct history histories[] = {
    {"a result, its session, its end and the next car",
     {{0, STABLE, 7, NULL, RUN, RUNNING},
      {1, FOUND, 7, NULL, NOTHING, WAITING},
      {2, NUMBER, 0, "4711", NOTHING, ACTIVE},
      {3, STAGE, 0, "car_fueling", NOTHING, ACTIVE},
      {4, STABLE, 7, NULL, NOTHING, ACTIVE},
      {5, CLEAR, 0, NULL, NOTHING, HOLD},
      {6, STABLE, 7, NULL, NOTHING, HOLD},
      {11, TICK, 0, NULL, NOTHING, HOLD},
      {11.1, TICK, 0, NULL, NOTHING, IDLE},
      {12, STABLE, 9, NULL, RUN, RUNNING}}},
    {"another car does not run while one is held",
     {{0, STABLE, 7, NULL, RUN, RUNNING},
      {1, FOUND, 7, NULL, NOTHING, WAITING},
      {2, ID, 0, "a", NOTHING, ACTIVE},
      {2, STABLE, 9, NULL, NOTHING, ACTIVE},
      {3, CLEAR, 0, NULL, NOTHING, HOLD},
      {4, SEEN, 7, NULL, NOTHING, HOLD},
      {4, STABLE, 9, NULL, NOTHING, HOLD},
      {9, TICK, 0, NULL, NOTHING, HOLD},
      {9.1, TICK, 0, NULL, NOTHING, IDLE},
      {9.2, STABLE, 9, NULL, RUN, RUNNING}}},
    {"no session id in time: idle again, nothing is told",
     {{0, STABLE, 7, NULL, RUN, RUNNING},
      {1, FOUND, 7, NULL, NOTHING, WAITING},
      {30.9, SEEN, 7, NULL, NOTHING, WAITING},
      {30.9, TICK, 0, NULL, NOTHING, WAITING},
      {31, TICK, 0, NULL, NOTHING, IDLE}}},
    {"a car that leaves while its result waits is abandoned",
     {{0, STABLE, 7, NULL, RUN, RUNNING},
      {1, FOUND, 7, NULL, NOTHING, WAITING},
      {4, SEEN, 7, NULL, NOTHING, WAITING},
      {9, TICK, 0, NULL, NOTHING, WAITING},
      {9.1, TICK, 0, NULL, ABANDONED, IDLE},
      {9.2, TICK, 0, NULL, NOTHING, IDLE}}},
    {"a car seen under another id is not the one that waits",
     {{0, STABLE, 7, NULL, RUN, RUNNING},
      {1, FOUND, 7, NULL, NOTHING, WAITING},
      {5, SEEN, 8, NULL, NOTHING, WAITING},
      {5.1, TICK, 0, NULL, ABANDONED, IDLE}}},
    {"a car that leaves early in its session is abandoned, and its id goes",
     {{0, STABLE, 7, NULL, RUN, RUNNING},
      {1, FOUND, 7, NULL, NOTHING, WAITING},
      {2, ID, 0, "a", NOTHING, ACTIVE},
      {2, STAGE, 0, "welcome", NOTHING, ACTIVE},
      {5, TICK, 0, NULL, NOTHING, ACTIVE},
      {5.1, TICK, 0, NULL, ABANDONED, IDLE},
      {5.2, STABLE, 9, NULL, RUN, RUNNING},
      {5.3, FOUND, 9, NULL, NOTHING, WAITING}}},
    {"quiet stages: nothing is told, the session lasts until it is cleared",
     {{0, STABLE, 7, NULL, RUN, RUNNING},
      {1, FOUND, 7, NULL, NOTHING, WAITING},
      {2, ID, 0, "a", NOTHING, ACTIVE},
      {2, STAGE, 0, "car_waitpayment", NOTHING, ACTIVE},
      {60, TICK, 0, NULL, NOTHING, ACTIVE},
      {61, CLEAR, 0, NULL, NOTHING, HOLD},
      {61, TICK, 0, NULL, NOTHING, IDLE}}},
    {"a stage that was reset is no quiet one",
     {{0, STABLE, 7, NULL, RUN, RUNNING},
      {1, FOUND, 7, NULL, NOTHING, WAITING},
      {2, ID, 0, "a", NOTHING, ACTIVE},
      {2, STAGE, 0, "car_fueling", NOTHING, ACTIVE},
      {6, TICK, 0, NULL, NOTHING, ACTIVE},
      {7, NO_STAGE, 0, NULL, NOTHING, ACTIVE},
      {7, TICK, 0, NULL, ABANDONED, IDLE}}},
    {"a quiet stage of a result that waits suppresses the word and ends the waiting",
     {{0, STABLE, 7, NULL, RUN, RUNNING},
      {1, FOUND, 7, NULL, NOTHING, WAITING},
      {1, STAGE, 0, "car_fueling", NOTHING, WAITING},
      {5.1, TICK, 0, NULL, NOTHING, IDLE}}},
    {"the stage of one car does not silence the next",
     {{0, STABLE, 7, NULL, RUN, RUNNING},
      {1, FOUND, 7, NULL, NOTHING, WAITING},
      {1, STAGE, 0, "car_fueling", NOTHING, WAITING},
      {9, TICK, 0, NULL, NOTHING, IDLE},
      {10, STABLE, 9, NULL, RUN, RUNNING},
      {11, FOUND, 9, NULL, NOTHING, WAITING},
      {20, TICK, 0, NULL, ABANDONED, IDLE}}},
    {"a run without a result: the same car cools down, another one does not",
     {{0, STABLE, 7, NULL, RUN, RUNNING},
      {1, NOTHING_FOUND, 7, NULL, NOTHING, IDLE},
      {2, STABLE, 7, NULL, NOTHING, IDLE},
      {10.9, STABLE, 7, NULL, NOTHING, IDLE},
      {11, STABLE, 7, NULL, RUN, RUNNING},
      {12, NOTHING_FOUND, 7, NULL, NOTHING, IDLE},
      {13, STABLE, 9, NULL, RUN, RUNNING}}},
    {"a run goes on although its car is hidden, and its result still counts",
     {{0, STABLE, 7, NULL, RUN, RUNNING},
      {20, TICK, 0, NULL, NOTHING, RUNNING},
      {21, FOUND, 7, NULL, NOTHING, WAITING},
      {21, TICK, 0, NULL, ABANDONED, IDLE}}},
    {"the end of a run that is not this session's changes nothing",
     {{0, FOUND, 7, NULL, NOTHING, IDLE},
      {0, STABLE, 7, NULL, RUN, RUNNING},
      {1, FOUND, 8, NULL, NOTHING, RUNNING},
      {1, STABLE, 9, NULL, NOTHING, RUNNING}}},
    {"an id that comes during the run",
     {{0, STABLE, 7, NULL, RUN, RUNNING},
      {1, ID, 0, "a", NOTHING, RUNNING},
      {2, FOUND, 7, NULL, NOTHING, ACTIVE},
      {3, CLEAR, 0, NULL, NOTHING, HOLD}}},
    {"an id that comes and goes during the run",
     {{0, STABLE, 7, NULL, RUN, RUNNING},
      {1, ID, 0, "a", NOTHING, RUNNING},
      {1, CLEAR, 0, NULL, NOTHING, RUNNING},
      {2, FOUND, 7, NULL, NOTHING, WAITING}}},
    {"an id during a run without a result keeps the pipeline quiet",
     {{0, STABLE, 7, NULL, RUN, RUNNING},
      {1, ID, 0, "a", NOTHING, RUNNING},
      {2, NOTHING_FOUND, 7, NULL, NOTHING, ACTIVE},
      {3, STABLE, 7, NULL, NOTHING, ACTIVE}}},
    {"an id before any car belongs to the first one",
     {{0, ID, 0, "a", NOTHING, ACTIVE},
      {90, TICK, 0, NULL, NOTHING, ACTIVE},
      {90, STABLE, 7, NULL, NOTHING, ACTIVE},
      {95, TICK, 0, NULL, NOTHING, ACTIVE},
      {96, CLEAR, 0, NULL, NOTHING, HOLD}}},
    {"an id before any car, cleared: idle",
     {{0, ID, 0, "a", NOTHING, ACTIVE}, {1, CLEAR, 0, NULL, NOTHING, IDLE}}},
    {"clearing what was never set, while the result waits: the same car does not run again",
     {{0, STABLE, 7, NULL, RUN, RUNNING},
      {1, FOUND, 7, NULL, NOTHING, WAITING},
      {2, CLEAR, 0, NULL, NOTHING, HOLD},
      {3, STABLE, 7, NULL, NOTHING, HOLD}}},
    {"a new id for a car that is held",
     {{0, STABLE, 7, NULL, RUN, RUNNING},
      {1, FOUND, 7, NULL, NOTHING, WAITING},
      {2, ID, 0, "a", NOTHING, ACTIVE},
      {3, CLEAR, 0, NULL, NOTHING, HOLD},
      {4, ID, 0, "b", NOTHING, ACTIVE},
      {4, ID, 0, "c", NOTHING, ACTIVE}}},
    {"clearing while idle is nothing", {{0, CLEAR, 0, NULL, NOTHING, IDLE}}},
};

static int take(struct nj_session *session, const struct step *step, nj_us now_us)
{
    switch (step->what) {
    case STABLE:
        return (int)nj_session_stable(session, step->track, now_us);
    case SEEN:
        nj_session_seen(session, step->track, now_us);
        break;
    case TICK:
        return (int)nj_session_tick(session, now_us);
    case FOUND:
    case NOTHING_FOUND:
        nj_session_ran(session, step->track, step->what == FOUND, now_us);
        break;
    case ID:
    case NUMBER:
    case CLEAR:
        nj_session_set_id(session, step->text, step->what == NUMBER, now_us);
        break;
    case STAGE:
    case NO_STAGE:
        nj_session_set_stage(session, step->text);
        break;
    }
    return NOTHING;
}

static void histories_lead_where_they_should(void **state)
{
    (void)state;
    const nj_us begin_us = 3600LL * NJ_US_PER_S;
    for (size_t i = 0; i < NJ_COUNT_OF(histories); i++) {
        struct nj_session session;
        nj_session_init(&session, &options, begin_us);
        for (size_t n = 0; n < NJ_COUNT_OF(histories[i].steps); n++) {
            const struct step *step = &histories[i].steps[n];
            if (step->what == STABLE && step->track == 0)
                break; // rows that are not used are all zero
            const int effect =
                take(&session, step, begin_us + (nj_us)(step->at_s * NJ_US_PER_S + .5));
            if (effect != step->effect || (int)session.state != step->state)
                fail_msg("%s: step %zu led to effect %d, state %s", histories[i].why, n, effect,
                         nj_session_state_name(session.state));
        }
    }
}

static void id_and_stage_are_kept_as_they_came_and_go_with_the_car(void **state)
{
    (void)state;
    struct nj_session session;
    nj_session_init(&session, &options, 0);
    nj_session_stable(&session, 7, 0);
    nj_session_ran(&session, 7, true, 0);
    nj_session_set_id(&session, "4711", true, 0);
    nj_session_set_stage(&session, "welcome");
    assert_string_equal(session.id, "4711");
    assert_true(session.id_is_number);
    assert_string_equal(session.stage, "welcome");
    assert_int_equal(session.track_id, 7);
    nj_session_set_id(&session, "", false, 0);
    assert_string_equal(session.id, "");
    assert_false(session.id_is_number);
    assert_string_equal(session.stage, "welcome");
    nj_session_tick(&session, 6 * NJ_US_PER_S);
    assert_int_equal(session.state, NJ_SESSION_IDLE);
    assert_string_equal(session.stage, "");
    assert_int_equal(session.track_id, 0);
}

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(nj_session_state_name(NJ_SESSION_HOLD), "hold");
    assert_string_equal(nj_session_state_name((enum nj_session_state)99), "idle");
}

int session_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histories_lead_where_they_should),
        cmocka_unit_test(id_and_stage_are_kept_as_they_came_and_go_with_the_car),
        cmocka_unit_test(states_have_names),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
