// SPDX-License-Identifier: Apache-2.0
// Archives over a bad network: a download ends in time, what it gives is the whole file, and the
// next one is well, whatever the broken one has left behind.
#include "archives/archive.h"

#include "tests/fake/fake_clock.h"
#include "tests/fake/tcp_proxy.h"
#include "tests/fake/world/zip.h"
#include "tests/unit/archives/web_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

int archive_network_test(void);

enum {
    TIME_US = 100 * NJ_US_PER_MS,
    SLACK_US = 2 * NJ_US_PER_S, // a machine under load
    POINTS = 24,
    URL_SIZE = 128,
};

struct line {
    struct zip_made zip;
    char sha256[NJ_SHA256_HEX_SIZE];
    struct nj_tcp_proxy *proxy;
};

// The code; *out_right when the archive is the one that the server has.
static int get(const struct line *line, struct nj_archive_store *store, bool *out_right,
               struct nj_error *err)
{
    struct nj_archive *archive = NULL;
    char url[URL_SIZE];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/a", nj_tcp_proxy_port(line->proxy));
    const int rc =
        nj_archive_store_get(store, &(struct nj_archive_wish){url, NULL, NULL}, &archive, err);
    *out_right = rc == 0 && strcmp(archive->sha256, line->sha256) == 0;
    nj_archive_unref(archive);
    return rc;
}

static void get_twice(const struct line *line, struct nj_archive_options *options,
                      const struct nj_proxy_rule *rule)
{
    struct nj_archive_store *store = NULL;
    struct nj_fake_clock clock;
    struct nj_error err = {0};
    char text[NJ_PROXY_TEXT_MAX];
    bool right, second_right;
    nj_fake_clock_init(&clock, 0);
    assert_int_equal(nj_archive_store_create(options, &clock.clock, NULL, &store, NULL), 0);
    const nj_us begun_us = nj_mono_us(nj_clock_real());
    const int rc = get(line, store, &right, &err);
    const nj_us took_us = nj_mono_us(nj_clock_real()) - begun_us;
    nj_tcp_proxy_heal(line->proxy);
    options->total_us = SLACK_US;
    const int again = get(line, store, &second_right, NULL);
    if ((rc == 0 ? !right : rc != NJ_E_UNAVAILABLE && rc != NJ_E_TIMEOUT) || again != 0 ||
        !second_right || took_us > TIME_US + SLACK_US)
        fail_msg("%s: %d \"%s\", right %d, after %lld us; then %d, right %d",
                 nj_proxy_rule_text(rule, text), rc, err.text, right, (long long)took_us, again,
                 second_right);
    nj_archive_store_destroy(store);
}

static void get_over(void *arg, const struct nj_proxy_rule *rule)
{
    struct line *line = arg;
    struct nj_temp_dir dir;
    struct web web;
    nj_temp_dir_init(&dir);
    web_start(&web, line->zip.bytes.data, line->zip.bytes.length);
    nj_tcp_proxy_aim(line->proxy, web.port);
    struct nj_archive_options options = zip_options(&dir);
    options.rules.loopback = true;
    options.fresh_us = 0;
    options.connect_us = options.total_us = TIME_US;
    get_twice(line, &options, rule);
    web_stop(&web);
    nj_temp_dir_finish(&dir);
}

static void a_download_is_whole_or_an_error_however_the_network_breaks(void **state)
{
    struct line line;
    (void)state;
    zip_made_init(&line.zip);
    zip_made_add_archive(&line.zip, "one/");
    zip_made_end(&line.zip, 0);
    nj_sha256_hex(line.zip.bytes.data, line.zip.bytes.length, line.sha256);
    line.proxy = nj_tcp_proxy_create(0);
    const struct nj_proxy_sweep sweep = {
        .proxy = line.proxy, .trial = get_over, .arg = &line, .points = POINTS};
    nj_proxy_sweep(&sweep);
    nj_tcp_proxy_destroy(line.proxy);
    zip_made_finish(&line.zip);
}

int archive_network_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_download_is_whole_or_an_error_however_the_network_breaks),
    };
    return cmocka_run_group_tests_name("archive_network", tests, NULL, NULL);
}
