// SPDX-License-Identifier: Apache-2.0
// Entries of cameras as clients give them: where secrets go, and what stays.
#include "pipeline/live_set.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

int live_entry_test(void);

static const struct nj_source_entry old_entry = {.id = "yard",
                                                 .url = "rtsp://cam/0",
                                                 .detect_url = "rtsps://sub/0",
                                                 .username = "watch",
                                                 .password = "old"};

static void secrets_go_where_they_belong_and_stay_when_not_given(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const struct nj_source_entry *old;
        const char *url, *username, *password;
    } cases[] = {
        {"{\"id\":\"yard\",\"kind\":\"rtsp\",\"url\":\"rtsp://a:b%40c@cam/1\"}", NULL,
         "rtsp://cam/1", "a", "b@c"},
        {"{\"id\":\"yard\",\"kind\":\"rtsp\",\"url\":\"rtsp://cam/1\"}", &old_entry, "rtsp://cam/1",
         "watch", "old"},
        {"{\"url\":\"rtsp://cam/1\"}", &old_entry, "rtsp://cam/1", "watch", "old"}, // as it was
        {"{\"id\":\"yard\",\"kind\":\"rtsp\",\"url\":\"rtsp://cam/1\",\"password\":\"***\"}",
         &old_entry, "rtsp://cam/1", "watch", "old"},
        {"{\"id\":\"yard\",\"kind\":\"rtsp\",\"url\":\"rtsp://cam/1\",\"password\":\"new\"}",
         &old_entry, "rtsp://cam/1", "watch", "new"},
        {"{\"id\":\"yard\",\"kind\":\"rtsp\",\"url\":\"rtsp://cam/"
         "1\",\"username\":\"\",\"password\":"
         "\"\"}",
         &old_entry, "rtsp://cam/1", "", ""},
        {"{\"id\":\"yard\",\"kind\":\"snapshot\",\"url\":\"http://x:y@cam/"
         "s.jpg\",\"username\":\"z\"}",
         NULL, "http://cam/s.jpg", "z", "y"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_live_entry made = {.object = NULL};
        struct nj_error err = {0};
        const struct nj_live_entry_input input = {cases[i].json, strlen(cases[i].json),
                                                  cases[i].old, "yard"};
        if (nj_live_entry_parse(&input, &made, &err) != 0)
            fail_msg("%s: %s", cases[i].json, err.text);
        const struct nj_source_entry *entry = nj_config_object_values(made.object);
        assert_string_equal(entry->url, cases[i].url);
        assert_string_equal(entry->username, cases[i].username);
        assert_string_equal(entry->password, cases[i].password);
        nj_live_entry_finish(&made);
    }
}

static void kept_secrets_go_to_no_other_service(void **state)
{
    (void)state;
    static const struct {
        const char *addresses;
        bool kept;
    } cases[] = {
        {"\"url\":\"rtsp://CAM:554/2\"", true},
        {"\"url\":\"rtsps://cam/2\"", true},
        {"\"url\":\"rtsp://cam:8554/2\"", false},
        {"\"url\":\"rtsps://cam:8554/2\"", false},
        {"\"url\":\"rtsp://cam/2\",\"detect_url\":\"rtsps://sub/2\"", true},
        {"\"url\":\"rtsp://elsewhere/1\"", false},
        {"\"url\":\"rtsp://cam@elsewhere/1\"", false},
        {"\"url\":\"rtsp://cam/1\",\"detect_url\":\"rtsp://elsewhere/1\"", false},
        {"\"url\":\"rtsp://sub/1\"", false}, // it was told over TLS only
        {"\"url\":\"rtsp://elsewhere/1\",\"username\":\"watch\"", false},
        {"\"url\":\"rtsp://elsewhere/1\",\"password\":\"***\"", false},
        {"\"url\":\"rtsp://elsewhere/1\",\"password\":\"\"", true},
        {"\"url\":\"rtsp://watch:new@elsewhere/1\"", true},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char json[256];
        struct nj_live_entry made = {.object = NULL};
        struct nj_error err = {0};
        snprintf(json, sizeof json, "{\"id\":\"yard\",\"kind\":\"rtsp\",%s}", cases[i].addresses);
        const struct nj_live_entry_input input = {json, strlen(json), &old_entry, NULL};
        int rc = nj_live_entry_parse(&input, &made, &err);
        if ((rc == 0) != cases[i].kept)
            fail_msg("%s: %s", json, err.text);
        if (rc != 0)
            assert_non_null(strstr(err.text, "source.password"));
        else if (strstr(json, "elsewhere") != NULL && strstr(json, "watch") == NULL)
            assert_string_equal(
                ((const struct nj_source_entry *)nj_config_object_values(made.object))->username,
                "");
        nj_live_entry_finish(&made);
    }
}

static void addresses_sent_back_as_shown_keep_their_secrets(void **state)
{
    (void)state;
    static const struct nj_source_entry old = {.id = "yard",
                                               .url = "rtsp://cam/0?pwd=secret&c=1",
                                               .detect_url = "rtsp://cam/user=a&password=b"};
    static const struct {
        const char *url, *detect_url;
        const struct nj_source_entry *old;
        const char *kept_url, *kept_detect_url, *wrong; // the member at fault
    } cases[] = {
        {"rtsp://cam/0?pwd=***&c=1", "rtsp://cam/user=***&password=***", &old,
         "rtsp://cam/0?pwd=secret&c=1", "rtsp://cam/user=a&password=b", NULL},
        {"rtsp://cam/0?pwd=new&c=1", "", &old, "rtsp://cam/0?pwd=new&c=1", "", NULL},
        {"rtsp://cam/***", "", &old, "rtsp://cam/***", "", NULL}, // a name, no value
        {"rtsp://cam/0?pwd=***&c=2", "", &old, NULL, NULL, "source.url"},
        {"rtsp://elsewhere/0?pwd=***&c=1", "", &old, NULL, NULL, "source.url"},
        {"rtsp://cam/1", "rtsp://cam/0?pwd=***&c=1", &old, NULL, NULL, "source.detect_url"},
        {"rtsp://cam/0?pwd=***&c=1", "", NULL, NULL, NULL, "source.url"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char json[256];
        struct nj_live_entry made = {.object = NULL};
        struct nj_error err = {0};
        snprintf(json, sizeof json, "{\"url\":\"%s\",\"detect_url\":\"%s\"}", cases[i].url,
                 cases[i].detect_url);
        const struct nj_live_entry_input input = {json, strlen(json), cases[i].old, "yard"};
        int rc = nj_live_entry_parse(&input, &made, &err);
        if (rc != (cases[i].wrong != NULL ? NJ_E_INVALID : 0) ||
            (rc != 0 && strstr(err.text, cases[i].wrong) == NULL))
            fail_msg("%s: %d %s", json, rc, err.text);
        if (rc != 0)
            continue;
        const struct nj_source_entry *entry = nj_config_object_values(made.object);
        assert_string_equal(entry->url, cases[i].kept_url);
        assert_string_equal(entry->detect_url, cases[i].kept_detect_url);
        nj_live_entry_finish(&made);
    }
}

static void kinds_that_read_this_machine_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"id\":\"x\",\"kind\":\"file\",\"path\":\"/etc/passwd\"}",
        "{\"id\":\"x\",\"kind\":\"null\",\"path\":\"64x64x50\"}",
        "{\"id\":\"x\"}",
    };
    for (size_t i = 0; i < NJ_COUNT_OF(texts); i++) {
        struct nj_live_entry made = {.object = NULL};
        struct nj_error err = {0};
        const struct nj_live_entry_input input = {texts[i], strlen(texts[i]), NULL, NULL};
        assert_int_equal(nj_live_entry_parse(&input, &made, &err), NJ_E_INVALID);
        assert_non_null(strstr(err.text, "rtsp or snapshot"));
    }
}

static void wrong_masks_are_refused_by_place(void **state)
{
    (void)state;
    static const struct {
        const char *masks, *words;
    } cases[] = {
        {"[\"0,0 1,0\"]", "source: masks[0] '0,0 1,0': three to 64 points"},
        {"[\"0,0 1,0 1,1\",\"0,0 1,0 2,2\"]", "source: masks[1]"},
        {"[\"nonsense\"]", "source: masks[0]"},
        {"[1]", "masks"},
        {"[\"0,0 1,0 1,1\"]", NULL},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char json[256];
        struct nj_live_entry made = {.object = NULL};
        struct nj_error err = {0};
        snprintf(json, sizeof json, "{\"id\":\"x\",\"url\":\"rtsp://cam/1\",\"masks\":%s}",
                 cases[i].masks);
        const struct nj_live_entry_input input = {json, strlen(json), NULL, NULL};
        int rc = nj_live_entry_parse(&input, &made, &err);
        if (rc != (cases[i].words != NULL ? NJ_E_INVALID : 0) ||
            (rc != 0 && strstr(err.text, cases[i].words) == NULL))
            fail_msg("%s: %d %s", json, rc, err.text);
        nj_live_entry_finish(&made);
    }
}

static void paused_is_told_apart_from_not_said_and_not_kept_in_the_entry(void **state)
{
    (void)state;
    static const struct {
        const char *member;
        int paused;
    } cases[] = {{"", -1}, {",\"paused\":true", 1}, {",\"paused\":false", 0}};
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char json[128];
        struct nj_live_entry made = {.object = NULL};
        snprintf(json, sizeof json, "{\"id\":\"x\",\"url\":\"rtsp://cam/1\"%s}", cases[i].member);
        const struct nj_live_entry_input input = {json, strlen(json), NULL, NULL};
        assert_int_equal(nj_live_entry_parse(&input, &made, NULL), 0);
        assert_int_equal(made.paused, cases[i].paused);
        assert_null(strstr(made.json, "paused"));
        nj_live_entry_finish(&made);
    }
}

int live_entry_test(void)
{
    const struct CMUnitTest live_entry[] = {
        cmocka_unit_test(secrets_go_where_they_belong_and_stay_when_not_given),
        cmocka_unit_test(kept_secrets_go_to_no_other_service),
        cmocka_unit_test(addresses_sent_back_as_shown_keep_their_secrets),
        cmocka_unit_test(kinds_that_read_this_machine_are_refused),
        cmocka_unit_test(wrong_masks_are_refused_by_place),
        cmocka_unit_test(paused_is_told_apart_from_not_said_and_not_kept_in_the_entry),
    };
    return cmocka_run_group_tests_name("live_entry", live_entry, NULL, NULL);
}
