// SPDX-License-Identifier: Apache-2.0
// Manifests: what is read, what is refused and with which words.
#include "tests/unit/detect/detect_helper.h"

#include "util/mem.h"

#include <stdio.h>
#include <string.h>

int model_test(void);

#define WHOLE                                                                                      \
    "{\"name\":\"m\",\"weights\":\"m.onnx\",\"decoder\":\"yolov8\",\"threshold\":0.25,"            \
    "\"input\":{\"width\":64,\"height\":32,\"fit\":\"stretch\",\"order\":\"bgr\","                 \
    "\"layout\":\"nhwc\",\"scale\":[1,2,3],\"offset\":-1,\"pad\":7},\"max_batch\":4,"              \
    "\"nms_iou\":0.5,\"group_iou\":0.7,\"fast_path_threshold\":0.8,"                               \
    "\"classes\":[\"car\",\"cat\",\"truck\",\"dog\"],"                                             \
    "\"groups\":[[\"car\",\"truck\"],[\"dog\",\"cat\"]]}"

static int parse(const char *json, struct nj_model *out, struct nj_error *err)
{
    return nj_model_parse(json, strlen(json), "/models", out, err);
}

static void every_key_lands_in_its_field(void **state)
{
    (void)state;
    struct nj_model model = {0};
    struct nj_error error = {0};
    assert_int_equal(parse(WHOLE, &model, &error), 0);
    assert_string_equal(model.name, "m");
    assert_string_equal(model.weights_path, "/models/m.onnx");
    assert_string_equal(model.weights_sha256, "");
    assert_int_equal(model.decoder, NJ_DECODER_YOLOV8);
    assert_int_equal(model.input.width, 64);
    assert_int_equal(model.input.height, 32);
    assert_int_equal(model.input.fit, NJ_FIT_STRETCH);
    assert_true(model.input.bgr);
    assert_true(model.input.nhwc);
    assert_float_equal(model.input.scale[2], 3, 0);
    assert_float_equal(model.input.offset[1], -1, 0);
    assert_float_equal(model.input.pad, 7, 0);
    assert_int_equal(model.max_batch, 4);
    assert_float_equal(model.threshold, 0.25, 1e-9);
    assert_float_equal(model.fast_path_threshold, 0.8, 1e-9);
    assert_float_equal(model.nms_iou, 0.5, 1e-9);
    assert_float_equal(model.group_iou, 0.7, 1e-9);
    assert_int_equal(model.class_count, 4);
    assert_string_equal(model.class_names[3], "dog");
    assert_int_equal(model.class_groups[0], model.class_groups[2]);
    assert_int_equal(model.class_groups[1], model.class_groups[3]);
    assert_int_not_equal(model.class_groups[0], model.class_groups[1]);
    nj_model_finish(&model);
}

static void a_class_in_no_group_is_alone(void **state)
{
    (void)state;
    struct nj_model model = {0};
    assert_int_equal(parse("{\"name\":\"m\",\"weights\":\"/w.onnx\",\"decoder\":\"yolox\","
                           "\"threshold\":0,\"input\":{\"width\":32,\"height\":32},"
                           "\"classes\":[\"a\"]}",
                           &model, NULL),
                     0);
    assert_int_equal(model.class_groups[0], 0);
    assert_string_equal(model.weights_path, "/w.onnx"); // absolute stays
    assert_int_equal(model.max_batch, 1);
    assert_float_equal(model.input.scale[0], 1, 0);
    nj_model_finish(&model);
}

// Each case replaces `from` of the whole manifest by `to`; the error has to say `says`.
static const struct {
    const char *from, *to, *says;
} mistakes[] = {
    {"\"name\":\"m\"", "\"name\":\"\"", "\"name\""},
    {"\"name\":\"m\"", "\"name\":7", "name"},
    {"\"name\":\"m\",", "", "name"},
    {"\"name\":\"m\"", "\"name\":\"m\",\"nmae\":1", "unknown key \"nmae\""},
    {"\"pad\":7", "\"padding\":7", "unknown key \"padding\""},
    {"\"m.onnx\"", "\"\"", "\"weights\" is empty"},
    {"\"m.onnx\"", "\"m.onnx\",\"sha256\":\"abc\"", "\"sha256\""},
    {"\"yolov8\"", "\"yolov9\"", "yolox | centernet | yolov5 | yolov8 | end_to_end"},
    {"\"decoder\":\"yolov8\",", "", "\"decoder\" is missing"},
    {"\"name\":\"m\"", "\"name\":\"m\",\"task\":\"paint\"", "detect | classify | recognise"},
    {"\"name\":\"m\"", "\"name\":\"m\",\"task\":\"classify\"", "\"yolov8\" does \"detect\""},
    {"\"name\":\"m\"", "\"name\":\"m\",\"softmax\":1", "softmax"},
    {"\"name\":\"m\"", "\"name\":\"m\",\"top\":0", "allowed is 1 to 1024"},
    {"\"name\":\"m\"", "\"name\":\"m\",\"label_offset\":-1", "allowed is 0 to 1024"},
    {"\"name\":\"m\"", "\"name\":\"m\",\"point_order\":[0,1,2]", "\"point_order\""},
    {"\"name\":\"m\"", "\"name\":\"m\",\"point_order\":[0,1,2,2]", "\"point_order\""},
    {"\"name\":\"m\"", "\"name\":\"m\",\"point_order\":[0,1,2,3,0]", "\"point_order\""},
    {"\"name\":\"m\"", "\"name\":\"m\",\"point_order\":[0,1,2,1e99]", "\"point_order\""},
    {"\"name\":\"m\"", "\"name\":\"m\",\"labels\":\"l.txt\"", "exclude each other"},
    {"\"name\":\"m\"", "\"name\":\"m\",\"label_map\":[]", "\"label_map\" is no object"},
    {"\"name\":\"m\"", "\"name\":\"m\",\"label_map\":{\"cow\":\"x\"}", "\"cow\" is no class"},
    {"\"name\":\"m\"", "\"name\":\"m\",\"label_map\":{\"car\":\"\"}", "\"car\" has neither"},
    {"\"name\":\"m\"", "\"name\":\"m\",\"label_map\":{\"car\":7}", "\"car\" has neither"},
    {"\"name\":\"m\"", "\"name\":\"m\",\"label_map\":{\"*\":null}", "leaves no class"},
    {"\"pad\":7", "\"width_max\":128", "is for the decoder \"ctc\""},
    {"\"threshold\":0.25", "\"threshold\":1.5", "allowed is 0 to 1"},
    {"\"threshold\":0.25,", "", "threshold"},
    {"\"width\":64", "\"width\":0", "allowed is 32 to 4096"},
    {"\"width\":64", "\"width\":1e9", "width"},
    {"\"stretch\"", "\"squeeze\"", "letterbox_top_left | letterbox_centre | stretch"},
    {"[1,2,3]", "[1,2]", "\"scale\""},
    {"[1,2,3]", "[1,2,\"3\"]", "\"scale\""},
    {"\"max_batch\":4", "\"max_batch\":65", "allowed is 1 to 64"},
    {"\"cat\",\"truck\"", "\"car\",\"truck\"", "\"car\" stands twice"},
    {"[\"dog\",\"cat\"]", "[\"dog\",\"cow\"]", "\"cow\" is no class"},
    {"[\"dog\",\"cat\"]", "[\"dog\",\"car\"]", "\"car\" stands twice"},
    {"[\"dog\",\"cat\"]", "\"dog\"", "list of lists"},
    {"[\"car\",\"cat\",\"truck\",\"dog\"]", "[]", "\"classes\""},
};

#define LINE                                                                                       \
    "{\"name\":\"m\",\"weights\":\"m.onnx\",\"decoder\":\"ctc\",\"threshold\":0.25,"               \
    "\"input\":{\"width\":64,\"width_max\":128,\"height\":48},\"classes\":[\"a\",\"b\"]}"

static const struct {
    const char *from, *to, *says;
} line_mistakes[] = {
    {"\"width_max\":128", "\"width_max\":63", "less than the width 64"},
    {"\"width_max\":128", "\"width_max\":5000", "allowed is 32 to 4096"},
    {"\"width_max\":128", "\"width_max\":128,\"width_step\":0", "allowed is 1 to"},
    {"\"name\":\"m\"", "\"name\":\"m\",\"max_batch\":2", "max_batch of 1"},
    {"[\"a\",\"b\"]", "[]", "1 to 32768 characters"},
    {"[\"a\",\"b\"]", "[\"a\",\"\"]", "character 1"},
    {"[\"a\",\"b\"]", "[\"a\",\"12345678\"]", "character 1"},
    {"[\"a\",\"b\"]", "[\"a\",7]", "character 1"},
    {"\"classes\":[\"a\",\"b\"]", "\"labels\":\"../l.txt\"", "beside the manifest"},
    {"\"classes\":[\"a\",\"b\"]", "\"labels\":\"/etc/passwd\"", "beside the manifest"},
    {"\"classes\":[\"a\",\"b\"]", "\"labels\":\".l\"", "beside the manifest"},
    {"\"classes\":[\"a\",\"b\"]", "\"labels\":\"no-such.txt\"", "/models/no-such.txt"},
};

static void each_mistake_names_its_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(mistakes); i++) {
        char json[2048];
        const char *at = strstr(WHOLE, mistakes[i].from);
        assert_non_null(at);
        snprintf(json, sizeof json, "%.*s%s%s", (int)(at - WHOLE), WHOLE, mistakes[i].to,
                 at + strlen(mistakes[i].from));
        struct nj_model model = {.class_count = 77};
        struct nj_error error = {0};
        if (parse(json, &model, &error) == 0 || strstr(error.text, mistakes[i].says) == NULL)
            fail_msg("case %zu (%s): %s", i, mistakes[i].to, error.text);
        assert_int_equal(model.class_count, 77); // untouched
    }
}

static void each_mistake_of_a_recogniser_names_its_key(void **state)
{
    (void)state;
    struct nj_model whole = {0};
    assert_int_equal(parse(LINE, &whole, NULL), 0);
    assert_int_equal(whole.task, NJ_TASK_RECOGNISE);
    assert_int_equal(whole.class_count, 0);
    assert_int_equal(whole.alphabet_count, 2);
    assert_int_equal(whole.width_max, 128);
    assert_int_equal(whole.width_step, 32);
    nj_model_finish(&whole);
    for (size_t i = 0; i < NJ_COUNT_OF(line_mistakes); i++) {
        char json[1024];
        const char *at = strstr(LINE, line_mistakes[i].from);
        assert_non_null(at);
        snprintf(json, sizeof json, "%.*s%s%s", (int)(at - LINE), LINE, line_mistakes[i].to,
                 at + strlen(line_mistakes[i].from));
        struct nj_model model = {.class_count = 77};
        struct nj_error error = {0};
        if (parse(json, &model, &error) == 0 || strstr(error.text, line_mistakes[i].says) == NULL)
            fail_msg("case %zu (%s): %s", i, line_mistakes[i].to, error.text);
        assert_int_equal(model.class_count, 77); // untouched
    }
}

static void a_file_of_labels_with_a_gap_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"a\n\nb", "line 2 is empty"}, {"a\n\xff\n", "line 2 is no UTF-8"}, {"", "1 to 32768"}};
    char folder[64];
    make_folder(folder);
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        static const char json[] =
            "{\"name\":\"m\",\"weights\":\"w\",\"decoder\":\"ctc\",\"threshold\":0,\"input\":"
            "{\"width\":64,\"height\":48},\"labels\":\"l.txt\"}";
        struct nj_model model = {0};
        struct nj_error error = {0};
        write_file(folder, "l.txt", cases[i].text);
        assert_int_equal(nj_model_parse(json, strlen(json), folder, &model, &error), NJ_E_INVALID);
        assert_non_null(strstr(error.text, cases[i].says));
    }
    remove_folder(folder);
}

static void the_error_of_a_file_names_the_file(void **state)
{
    (void)state;
    char folder[64];
    char path[128];
    make_folder(folder);
    write_file(folder, "bad.json", "{\"name\":}");
    snprintf(path, sizeof path, "%s/bad.json", folder);
    struct nj_model model = {0};
    struct nj_error error = {0};
    assert_int_not_equal(nj_model_load(path, &model, &error), 0);
    assert_non_null(strstr(error.text, path));
    snprintf(path, sizeof path, "%s/none.json", folder);
    assert_int_equal(nj_model_load(path, &model, &error), NJ_E_NOT_FOUND);
    assert_non_null(strstr(error.text, path));
    remove_folder(folder);
}

static void manifests_of_the_project_are_in_order(void **state)
{
    (void)state;
    static const char *const names[] = {"yolox_nano_416", "centernet_512"};
    for (size_t i = 0; i < NJ_COUNT_OF(names); i++) {
        char path[512];
        struct nj_model model = {0};
        struct nj_error error = {0};
        snprintf(path, sizeof path, MODELS_FOLDER "/%s.json", names[i]);
        if (nj_model_load(path, &model, &error) != 0)
            fail_msg("%s", error.text);
        assert_string_equal(model.name, names[i]);
        assert_int_equal(strlen(model.weights_sha256), 64);
        assert_int_equal(model.class_count, 80);
        assert_string_equal(model.class_names[0], "person");
        assert_string_equal(model.class_names[79], "toothbrush");
        assert_int_equal(model.class_groups[2], model.class_groups[7]); // car, truck
        assert_int_equal(model.class_groups[0], 0);                     // a person is no thing else
        nj_model_finish(&model);
    }
}

int model_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_lands_in_its_field),
        cmocka_unit_test(a_class_in_no_group_is_alone),
        cmocka_unit_test(each_mistake_names_its_key),
        cmocka_unit_test(each_mistake_of_a_recogniser_names_its_key),
        cmocka_unit_test(a_file_of_labels_with_a_gap_is_refused),
        cmocka_unit_test(the_error_of_a_file_names_the_file),
        cmocka_unit_test(manifests_of_the_project_are_in_order),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
