// SPDX-License-Identifier: Apache-2.0
// The bus of one process: nothing behind its subscribers; the template for other drivers.
#include "bus/bus_driver.h"

static int local_create(struct nj_bus *bus, void **out, struct nj_error *err)
{
    (void)bus;
    (void)err;
    *out = NULL;
    return 0;
}

static void local_destroy(void *state)
{
    (void)state;
}

static int local_carry(void *state, const struct nj_bus_message *message)
{
    (void)state;
    (void)message;
    return 0;
}

const struct nj_bus_driver nj_bus_local = {
    .name = "local",
    .create = local_create,
    .destroy = local_destroy,
    .carry = local_carry,
};
