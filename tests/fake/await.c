// SPDX-License-Identifier: Apache-2.0
// Waiting in tests by the real clock.
#include "tests/fake/await.h"

#include "loop/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <uv.h>

enum { MOMENT_MS = 2 };

static nj_us real_us(void)
{
    return nj_mono_us(nj_clock_real());
}

void nj_loop_moment(struct nj_loop *loop)
{
    struct pollfd ready = {.fd = uv_backend_fd(nj_loop_uv(loop)), .events = POLLIN};
    if (nj_loop_turn(loop) == 0)
        (void)poll(&ready, 1, MOMENT_MS);
}

bool nj_loop_until(struct nj_loop *loop, nj_loop_condition condition, void *arg, nj_us patience_us)
{
    const nj_us until_us = real_us() + patience_us;
    while (!condition(arg)) {
        if (real_us() >= until_us)
            return false;
        nj_loop_moment(loop);
    }
    return true;
}

void nj_loop_await(struct nj_loop *loop, nj_loop_condition condition, void *arg, nj_us patience_us,
                   const char *what)
{
    if (!nj_loop_until(loop, condition, arg, patience_us))
        fail_msg("waited in vain: %s", what);
}

bool nj_is_set(void *flag)
{
    return *(const bool *)flag;
}

bool nj_flag_await(const bool *flag, pthread_cond_t *changed, pthread_mutex_t *mutex,
                   nj_us patience_us)
{
    const nj_us until_us = real_us() + patience_us;
    for (nj_us left_us = patience_us; !*flag && left_us > 0; left_us = until_us - real_us())
        (void)nj_cond_wait(changed, mutex, left_us);
    return *flag;
}
