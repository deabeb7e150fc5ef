// SPDX-License-Identifier: Apache-2.0
// The payload of detection_queue: what goes in comes out, and what is wrong is named.
#include "sources/upload_item.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

int upload_item_test(void);

#define HASH "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static struct nj_upload_item item_with_path(const char *path)
{
    struct nj_upload_item item = {.camera_id = "front_door",
                                  .media_type = "image",
                                  .file_hash = HASH,
                                  .taken_us = 1769250600123456,
                                  .pipeline_start_us = 1769250601000000};
    memcpy(item.file_path, path, strlen(path) + 1);
    return item;
}

static void form_is_the_one_of_the_queue(void **state)
{
    struct nj_buf buf;
    struct nj_upload_item item = item_with_path("/export/Front Door/a.jpg");
    (void)state;
    nj_buf_init(&buf, 65536);
    nj_upload_item_to_json(&item, &buf);
    assert_string_equal(buf.data,
                        "{\"camera_id\":\"front_door\",\"file_path\":\"/export/Front Door/a.jpg\","
                        "\"timestamp\":\"2026-01-24T10:30:00.123456Z\",\"media_type\":\"image\","
                        "\"pipeline_start_time\":\"2026-01-24T10:30:01.000000Z\","
                        "\"file_hash\":\"" HASH "\"}");
    nj_buf_finish(&buf);
}

static void any_path_survives_the_way(void **state)
{
    static const char *const paths[] = {"/a/b.jpg", "/a/\n\"\\.jpg", "/\xff\xc0/\x80.jpg",
                                        "/a/b..c.jpg", "/\xc3\xa4.jpg"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct nj_upload_item out, item = item_with_path(paths[i]);
        struct nj_buf buf;
        json_t *json = NULL;
        nj_buf_init(&buf, 65536);
        nj_upload_item_to_json(&item, &buf);
        assert_int_equal(nj_json_parse(buf.data, buf.length, 65536, &json, NULL), 0);
        assert_int_equal(nj_upload_item_from_json(json, &out, NULL), 0);
        assert_string_equal(out.file_path, item.file_path);
        assert_string_equal(out.camera_id, item.camera_id);
        assert_string_equal(out.file_hash, item.file_hash);
        assert_int_equal(out.taken_us, item.taken_us);
        assert_int_equal(out.pipeline_start_us, item.pipeline_start_us);
        json_decref(json);
        nj_buf_finish(&buf);
    }
}

static void each_wrong_member_is_named(void **state)
{
#define REST ",\"timestamp\":\"2026-01-24T10:30:00\",\"media_type\":\"image\"}"
    static const struct {
        const char *json, *named; // NULL: it is right
    } cases[] = {
        {"{\"camera_id\":\"A-b_1\",\"file_path\":\"/a\"" REST, NULL},
        {"{\"file_path\":\"/a\"" REST, "camera_id"},
        {"{\"camera_id\":\"\",\"file_path\":\"/a\"" REST, "camera_id"},
        {"{\"camera_id\":\"a b\",\"file_path\":\"/a\"" REST, "camera_id"},
        {"{\"camera_id\":\"a\"" REST, "file_path"},
        {"{\"camera_id\":\"a\",\"file_path\":\"a\"" REST, "file_path"},
        {"{\"camera_id\":\"a\",\"file_path\":\"/a/../b\"" REST, "file_path"},
        {"{\"camera_id\":\"a\",\"file_path\":\"/a/..\"" REST, "file_path"},
        {"{\"camera_id\":\"a\",\"file_path\":\"/a\",\"file_path_base64\":\"L2E\"" REST,
         "file_path"},
        {"{\"camera_id\":\"a\",\"file_path_base64\":\"L2E\"" REST, NULL},
        {"{\"camera_id\":\"a\",\"file_path_base64\":\"L2EA\"" REST, "file_path_base64"}, // a NUL
        {"{\"camera_id\":\"a\",\"file_path_base64\":\"?\"" REST, "file_path_base64"},
        {"{\"camera_id\":\"a\",\"file_path\":\"/a\",\"media_type\":\"image\"}", "timestamp"},
        {"{\"camera_id\":\"a\",\"file_path\":\"/"
         "a\",\"timestamp\":\"now\",\"media_type\":\"image\"}",
         "timestamp"},
        {"{\"camera_id\":\"a\",\"file_path\":\"/a\",\"timestamp\":\"2026-01-24\","
         "\"media_type\":\"sound\"}",
         "media_type"},
        {"{\"camera_id\":\"a\",\"file_path\":\"/a\",\"pipeline_start_time\":\"x\"" REST,
         "pipeline_start_time"},
        {"{\"camera_id\":\"a\",\"file_path\":\"/a\",\"file_hash\":\"abc\"" REST, "file_hash"},
        {"[]", "object"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct nj_upload_item out;
        struct nj_error err = {0};
        json_t *json = NULL;
        assert_int_equal(nj_json_parse(cases[i].json, strlen(cases[i].json), 65536, &json, &err),
                         0);
        int rc = nj_upload_item_from_json(json, &out, &err);
        json_decref(json);
        assert_int_equal(rc, cases[i].named ? NJ_E_INVALID : 0);
        if (cases[i].named && !strstr(err.text, cases[i].named))
            fail_msg("%s: \"%s\"", cases[i].json, err.text);
    }
}

int upload_item_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(form_is_the_one_of_the_queue),
        cmocka_unit_test(any_path_survives_the_way),
        cmocka_unit_test(each_wrong_member_is_named),
    };
    return cmocka_run_group_tests_name("upload_item", tests, NULL, NULL);
}
