// SPDX-License-Identifier: Apache-2.0
// Failed actions while the disk is full: held in memory, stored when there is room, counted when
// they are lost.
#include "actions/action.h"

#include "tests/fake/full_disk.h"
#include "tests/unit/actions/actions_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

int action_keep_test(void);

static struct nj_action_stats stats_of(struct world *world)
{
    struct nj_action_stats stats;
    nj_action_runner_get_stats(world->actions, &stats);
    return stats;
}

static bool none_under_way(struct world *world)
{
    return stats_of(world).under_way == 0;
}

// Hands all over and waits until each ended, on a clock that moves, with the disk full.
static struct nj_action_stats fail_on_a_full_disk(struct world *world, struct nj_full_disk *disk)
{
    nj_full_disk_begin(disk, 0);
    for (size_t i = 0; i < now->count; i++)
        actions_run(world, i, "s1");
    for (int i = 0; i < 2000 && !none_under_way(world); i++) {
        world_advance(world, NJ_US_PER_S / 4);
        world_turn(world);
    }
    return stats_of(world);
}

static void until_none_is_held(struct world *world)
{
    for (int i = 0; i < 2000 && stats_of(world).held > 0; i++) {
        world_advance(world, NJ_US_PER_S);
        world_turn(world);
    }
}

static void letters_wait_in_memory_while_the_disk_is_full(void **state)
{
    struct world *world = *state;
    struct nj_full_disk disk;
    world_start(world);
    add_record(NJ_ACTION_POSTGRESQL_UPDATE, "nobody");
    add_image("k");
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "told");
    struct nj_action_stats full = fail_on_a_full_disk(world, &disk);
    const size_t letters = world_count_letters(world);
    world_advance(world, 600 * (nj_us)NJ_US_PER_S); // however long it takes
    struct nj_action_stats later = stats_of(world);
    nj_full_disk_end(&disk);
    assert_int_equal(full.under_way, 0);
    assert_int_equal(now->ended_count, 3); // nobody waits for the disk
    assert_int_not_equal(now->items[0].rc, 0);
    assert_int_not_equal(now->items[1].rc, 0);
    assert_int_equal(now->items[2].rc, 0);
    assert_int_equal(world->message_count, 1);
    assert_int_equal(full.held, 2);
    assert_int_equal(later.held, 2);
    assert_int_equal(letters, 0);
    until_none_is_held(world);
    later = stats_of(world);
    assert_int_equal(later.held, 0);
    assert_int_equal(later.dead, 2);
    assert_int_equal(later.lost, 0);
    assert_int_equal(later.failed, 2); // counted once
    struct nj_letter_page page = world_letters(world);
    assert_int_equal(page.count, 2);
    assert_non_null(strstr(page.rows[0].payload, "postgresql_update"));
    assert_non_null(strstr(page.rows[1].payload, "/media/saved/"));
    assert_int_equal(page.rows[1].attempts, 4); // as it was tried before it was held
    nj_letter_page_finish(&page);
    assert_int_equal(actions_count_files(world), 1);
}

static void held_image_is_saved_once_it_is_requeued(void **state)
{
    struct world *world = *state;
    struct nj_full_disk disk;
    world_start(world);
    add_image("k");
    fail_on_a_full_disk(world, &disk);
    nj_full_disk_end(&disk);
    until_none_is_held(world);
    assert_int_equal(world_count_letters(world), 1);
    world_requeue(world);
    struct nj_work_queue_stats stats = {0};
    for (int i = 0; i < 2000 && stats.completed == 0; i++) {
        world_turn(world);
        nj_work_queue_get_stats(world->queue, &stats);
    }
    assert_int_equal(actions_get_image(world, "k", false), 0);
    assert_int_equal(world_count_letters(world), 0);
}

static void held_beyond_the_bound_is_counted_as_lost(void **state)
{
    struct world *world = *state;
    struct nj_full_disk disk;
    world_set(world, "actions.max_waiting=2");
    world_set(world, "actions.tries=0");
    world_start(world);
    for (int i = 0; i < 4; i++)
        add_image("k");
    nj_full_disk_begin(&disk, 0);
    for (size_t i = 0; i < now->count;
         i++) { // one by one: under way they have a bound of their own
        actions_run(world, i, "s1");
        for (int turn = 0; turn < 2000 && !none_under_way(world); turn++)
            world_turn(world);
    }
    struct nj_action_stats full = stats_of(world);
    nj_full_disk_end(&disk);
    assert_int_equal(full.held, 2);
    assert_int_equal(full.lost, 2);
    until_none_is_held(world);
    assert_int_equal(world_count_letters(world), 2);
    assert_int_equal(stats_of(world).lost, 2);
}

static void held_beyond_the_bound_of_bytes_is_counted_as_lost(void **state)
{
    struct world *world = *state;
    enum { LONG = 50000 };
    static char text[LONG + 1];
    struct nj_full_disk disk;
    int port = 0;
    const int fd = actions_bind_closed(&port);
    memset(text, 'a', LONG);
    world_set(world, "redis.url=redis://127.0.0.1:%d/0", port);
    world_set(world, "actions.max_held_bytes=%d", 2 * LONG + 100);
    world_set(world, "actions.tries=0");
    world_start(world);
    now->image_key = text;
    for (int i = 0; i < 3; i++)
        add_message(NJ_ACTION_REDIS_PUBLISH, "cars", "{image_key}");
    add_message(NJ_ACTION_REDIS_PUBLISH, "cars", "short");
    const struct nj_action_stats full = fail_on_a_full_disk(world, &disk);
    nj_full_disk_end(&disk);
    assert_int_equal(full.held, 3);
    assert_int_equal(full.lost, 1);
    until_none_is_held(world);
    assert_int_equal(world_count_letters(world), 3);
    fail_on_a_full_disk(world, &disk); // the bytes of those that were stored are free again
    nj_full_disk_end(&disk);
    assert_int_equal(stats_of(world).held, 3);
    assert_int_equal(stats_of(world).lost, 2);
    close(fd);
}

static void letter_that_can_never_be_stored_is_lost_and_not_held(void **state)
{
    struct world *world = *state;
    enum { CONTROLS = 60000 }; // each takes six bytes in a letter, which has a limit
    static char text[CONTROLS + 1];
    memset(text, 1, CONTROLS);
    world_set(world, "actions.max_waiting=1");
    world_start(world);
    add_image("k");
    now->image_key = text;
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "{image_key}");
    actions_run_all(world); // the second does not fit beside the first
    assert_int_equal(now->items[1].rc, NJ_E_FULL);
    assert_int_equal(stats_of(world).held, 0);
    assert_int_equal(stats_of(world).lost, 1);
    assert_int_equal(world_count_letters(world), 0);
}

static void stop_stores_what_is_held_when_there_is_room(void **state)
{
    struct world *world = *state;
    struct nj_full_disk disk;
    world_set(world, "actions.retry_seconds=3600"); // nobody tries before the stop does
    world_set(world, "actions.tries=0");
    world_start(world);
    add_image("k");
    struct nj_action_stats full = fail_on_a_full_disk(world, &disk);
    nj_full_disk_end(&disk);
    assert_int_equal(full.held, 1);
    world_stop(world, NJ_US_PER_S);
    world_start(world);
    assert_int_equal(world_count_letters(world), 1);
}

static void stop_on_a_full_disk_ends_at_its_deadline(void **state)
{
    struct world *world = *state;
    struct nj_full_disk disk;
    world_set(world, "actions.tries=0");
    world_start(world);
    add_image("k");
    add_image("l");
    struct nj_action_stats full = fail_on_a_full_disk(world, &disk);
    world_stop(world, NJ_US_PER_S); // it returns
    nj_full_disk_end(&disk);
    assert_int_equal(full.held, 2);
    world_start(world);
    assert_int_equal(world_count_letters(world), 0);
}

int action_keep_test(void)
{
    const struct CMUnitTest tests[] = {
        ACTIONS_TEST(letters_wait_in_memory_while_the_disk_is_full),
        ACTIONS_TEST(held_image_is_saved_once_it_is_requeued),
        ACTIONS_TEST(held_beyond_the_bound_is_counted_as_lost),
        ACTIONS_TEST(held_beyond_the_bound_of_bytes_is_counted_as_lost),
        ACTIONS_TEST(letter_that_can_never_be_stored_is_lost_and_not_held),
        ACTIONS_TEST(stop_stores_what_is_held_when_there_is_room),
        ACTIONS_TEST(stop_on_a_full_disk_ends_at_its_deadline),
    };
    return cmocka_run_group_tests_name("action_keep", tests, NULL, NULL);
}
