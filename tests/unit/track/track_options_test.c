// SPDX-License-Identifier: Apache-2.0
// The option tables of this folder are accepted by the configuration, with the defaults in them.
#include "config/config.h"
#include "tests/unit/track/track_helper.h"
#include "track/stability.h"
#include "track/track.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

int track_options_test(void);

static void defaults_load_and_make_working_parts(void **state)
{
    (void)state;
    const struct nj_option_group *const groups[] = {&nj_track_option_group,
                                                    &nj_stability_option_group, NULL};
    const char *const sets[] = {"track.lost_seconds=1.5", "stability.min_hits=7", NULL};
    struct nj_config_input input = {.groups = groups, .sets = sets};
    struct nj_config *config;
    struct nj_error err;
    if (nj_config_load(&input, &config, &err) < 0)
        fail_msg("%s", err.text);
    const struct nj_track_options *track = nj_config_get(config, &nj_track_option_group);
    const struct nj_stability_options *stable = nj_config_get(config, &nj_stability_option_group);
    struct nj_track_options track_default;
    track_helper_defaults(&nj_track_option_group, &track_default);
    assert_int_equal(track->lost_us, 1500 * NJ_US_PER_MS);
    assert_int_equal(stable->min_hits, 7);
    track_default.lost_us = track->lost_us;
    assert_memory_equal(track, &track_default, sizeof(*track));
    struct nj_tracker *tracker;
    struct nj_stability *stability;
    assert_int_equal(nj_tracker_create(track, 1, &tracker, &err), 0);
    assert_int_equal(nj_stability_create(stable, &stability, &err), 0);
    nj_tracker_destroy(tracker);
    nj_stability_destroy(stability);
    nj_config_unref(config);
}

int track_options_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_load_and_make_working_parts),
    };
    return cmocka_run_group_tests_name("track options", tests, NULL, NULL);
}
