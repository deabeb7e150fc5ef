// SPDX-License-Identifier: Apache-2.0
// Signals: listeners that come and go while firing.
#include "loop/signal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

int signal_test(void);

struct noting {
    struct nj_listener listener;
    char mark;
    char *notes;
    struct nj_listener *removes;
    struct nj_listener *adds;
    struct nj_signal *signal;
    int fires; // so many rounds within its own
};

static void note(struct nj_listener *listener, const void *data)
{
    struct noting *noting = NJ_CONTAINER_OF(listener, struct noting, listener);
    size_t length = strlen(noting->notes);
    noting->notes[length] = noting->mark;
    noting->notes[length + 1] = '\0';
    if (noting->removes)
        nj_signal_remove(noting->removes);
    if (noting->adds)
        nj_signal_add(noting->signal, noting->adds);
    noting->adds = NULL;
    if (noting->fires-- > 0)
        nj_signal_fire(noting->signal, data);
}

enum { LISTENERS = 4 };

struct fixture {
    struct nj_signal signal;
    char notes[64];
    struct noting l[LISTENERS];
};

static void start(struct fixture *f, size_t added)
{
    memset(f, 0, sizeof(*f));
    nj_signal_init(&f->signal);
    for (size_t i = 0; i < LISTENERS; i++) {
        f->l[i] = (struct noting){.listener = {.fn = note},
                                  .mark = (char)('a' + i),
                                  .notes = f->notes,
                                  .signal = &f->signal};
        if (i < added)
            nj_signal_add(&f->signal, &f->l[i].listener);
    }
}

static void fires_in_the_order_of_adding(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 0);
    nj_signal_fire(&f.signal, NULL);
    assert_string_equal(f.notes, "");
    start(&f, 3);
    nj_signal_fire(&f.signal, NULL);
    nj_signal_fire(&f.signal, NULL);
    assert_string_equal(f.notes, "abcabc");
}

static void removal_while_firing_spares_the_rest(void **state)
{
    (void)state;
    static const struct {
        size_t remover, removed;
        const char *first, *both;
    } cases[] = {
        {1, 1, "abcd", "abcdacd"}, // itself
        {1, 2, "abd", "abdabd"},   // the next
        {1, 0, "abcd", "abcdbcd"}, // the one before
        {2, 3, "abc", "abcabc"},   // the last
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct fixture f;
        start(&f, 4);
        f.l[cases[i].remover].removes = &f.l[cases[i].removed].listener;
        nj_signal_fire(&f.signal, NULL);
        assert_string_equal(f.notes, cases[i].first);
        nj_signal_fire(&f.signal, NULL);
        assert_string_equal(f.notes, cases[i].both);
    }
}

static void added_while_firing_waits_for_the_next_round(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 2);
    f.l[1].adds = &f.l[2].listener;
    nj_signal_fire(&f.signal, NULL);
    assert_string_equal(f.notes, "ab");
    nj_signal_fire(&f.signal, NULL);
    assert_string_equal(f.notes, "ababc");
}

static void rounds_may_nest(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 3);
    f.l[1].fires = 1;
    f.l[2].removes = &f.l[2].listener; // in the inner round
    nj_signal_fire(&f.signal, NULL);
    assert_string_equal(f.notes, "ababc");
}

static void removing_what_was_never_added_is_harmless(void **state)
{
    (void)state;
    struct nj_listener zeroed = {0};
    nj_signal_remove(&zeroed);
    struct fixture f;
    start(&f, 1);
    nj_signal_remove(&f.l[0].listener);
    nj_signal_remove(&f.l[0].listener);
    nj_signal_fire(&f.signal, NULL);
    assert_string_equal(f.notes, "");
}

int signal_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_in_the_order_of_adding),
        cmocka_unit_test(removal_while_firing_spares_the_rest),
        cmocka_unit_test(added_while_firing_waits_for_the_next_round),
        cmocka_unit_test(rounds_may_nest),
        cmocka_unit_test(removing_what_was_never_added_is_harmless),
    };
    return cmocka_run_group_tests_name("signal", tests, NULL, NULL);
}
