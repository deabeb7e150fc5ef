// SPDX-License-Identifier: Apache-2.0
// Option tables as the program gathers them.
#include "app/app.h"

#include "config/config.h"
#include "net/address_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

int app_options_test(void);

static const struct nj_option *find(const struct nj_option_group *group, const char *name)
{
    for (size_t i = 0; i < group->count; i++)
        if (strcmp(group->options[i].name, name) == 0)
            return &group->options[i];
    return NULL;
}

// A refusal tells the option that would allow it, which is none without its group.
static void address_rules_know_the_group_of_their_options(void **state)
{
    const struct nj_option_group *const *groups = nj_app_option_groups();
    const struct nj_config_input input = {.groups = groups};
    struct nj_config *config = NULL;
    size_t count = 0;
    (void)state;
    assert_int_equal(nj_config_load(&input, &config, NULL), 0);
    for (; *groups; groups++) {
        const struct nj_option *option = find(*groups, "allow_loopback");
        if (option == NULL)
            continue;
        const struct nj_address_rules *rules =
            (const void *)((const char *)nj_config_get(config, *groups) + option->offset -
                           offsetof(struct nj_address_rules, loopback));
        assert_non_null(rules->group);
        assert_string_equal(rules->group, (*groups)->name);
        count++;
    }
    assert_int_equal(count, 4); // actions, archives, sources, worker
    nj_config_unref(config);
}

int app_options_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_rules_know_the_group_of_their_options),
    };
    return cmocka_run_group_tests_name("app options", tests, NULL, NULL);
}
