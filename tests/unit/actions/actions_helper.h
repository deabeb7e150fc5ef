// SPDX-License-Identifier: Apache-2.0
// What the tests of actions share: calls made on the spot, in a world whose clock stands still.
#ifndef NJ_TESTS_ACTIONS_HELPER_H
#define NJ_TESTS_ACTIONS_HELPER_H

#include "actions/action.h"
#include "tests/fake/world/world.h"

enum { CALLS_MAX = 16 };

// Calls of one test, in the order of their ends.
struct calls {
    struct nj_action_call items[CALLS_MAX];
    struct nj_spec_action actions[CALLS_MAX];
    struct nj_spec_field fields[CALLS_MAX][2];
    size_t count;
    struct nj_action_call *ended[CALLS_MAX];
    size_t ended_count;
    const char *image_key;
};
extern struct calls *now; // of the test that runs: a call has no place for a context

int actions_setup(void **state); // of a cmocka test; the world is its state
int actions_teardown(void **state);
#define ACTIONS_TEST(name) cmocka_unit_test_setup_teardown(name, actions_setup, actions_teardown)

// Each adds a call, which `actions_run` hands over.
struct nj_spec_action *add_message(enum nj_action_kind kind, const char *channel,
                                   const char *message);
struct nj_spec_action *add_image(const char *key);
struct nj_spec_action *add_record(enum nj_action_kind kind, const char *key); // table "cars"
void actions_run(struct world *world, size_t index, const char *order_key);
bool actions_all_ended(struct world *world);
void actions_run_all(struct world *world); // for session "s1", until they and their letters ended
void actions_until_ended_in_fake_time(struct world *world, nj_us limit_us);

// A port on which nobody listens: bound and not listening, so that nobody else gets it.
int actions_bind_closed(int *out_port);
// The result of asking for it by its key, or deleting it.
int actions_get_image(struct world *world, const char *key, bool deletes);
size_t actions_count_files(struct world *world); // pictures on the disk

#endif
