// SPDX-License-Identifier: Apache-2.0
// Classifiers, recognisers and landmarks: by hand, and from pixels through small networks.
#include "tests/unit/detect/detect_helper.h"

#include "util/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tasks_test(void);

static char folder[64];
static bool has_files; // Node wrote the networks
static struct nj_detections found;

static int write_networks(void **state)
{
    (void)state;
    has_files = make_networks(folder);
    return 0;
}

static int remove_networks(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

static int make_detector(const char *members, struct nj_detector **out, struct nj_error *err)
{
    char json[1024];
    char path[128];
    snprintf(json, sizeof json, "{\"name\":\"t\",\"threshold\":0.05,%s}", members);
    write_file(folder, "manifest.json", json);
    snprintf(path, sizeof path, "%s/manifest.json", folder);
    struct nj_detect_options options = make_options();
    options.engine = NJ_ENGINE_ONNX;
    options.model = path;
    const struct nj_detector_config config = {.options = &options, .clock = nj_clock_real()};
    return nj_detector_create(&config, out, err);
}

struct running {
    struct nj_detector *detector;
    struct nj_detector_thread *thread;
};

static struct running start(const char *members)
{
    struct running running = {0};
    struct nj_error error = {0};
    if (make_detector(members, &running.detector, &error) != 0 ||
        nj_detector_thread_create(running.detector, &running.thread, &error) != 0)
        fail_msg("%s", error.text);
    return running;
}

static void stop(struct running *running)
{
    nj_detector_thread_destroy(running->thread);
    nj_detector_destroy(running->detector);
}

static void run(const struct running *running, struct nj_frame *frame, const struct nj_rect *crop)
{
    const struct nj_detect_request request = {.frames = &frame, .crops = crop, .count = 1};
    struct nj_error error = {0};
    memset(&found, 0x55, sizeof found);
    if (nj_detector_run(running->thread, &request, &found, &error) != 0)
        fail_msg("%s", error.text);
}

static struct nj_frame *make_grey(int32_t width, int32_t height, uint8_t luma)
{
    struct nj_frame *frame = make_frame(width, height);
    for (int32_t y = 0; y < height; y++)
        memset((uint8_t *)(uintptr_t)frame->planes[0] + (ptrdiff_t)y * frame->strides[0], luma,
               (size_t)width);
    return frame;
}

#define CLASSES_INPUT                                                                              \
    "\"weights\":\"classes.onnx\",\"decoder\":\"classes\",\"input\":{\"width\":64,\"height\":64,"  \
    "\"fit\":\"stretch\",\"scale\":0.00392156862745098}"

static void a_classifier_gives_the_likeliest_with_the_crop_as_box(void **state)
{
    (void)state;
    skip_without_networks(has_files);
    struct running r =
        start(CLASSES_INPUT ",\"softmax\":true,\"label_offset\":1,\"top\":2,"
                            "\"classes\":[\"van\",\"bus\",\"car\"],\"task\":\"classify\"");
    struct nj_frame *frame = make_grey(200, 100, 255);
    const struct nj_rect crop = {150, 20, 100, 40};
    assert_int_equal(nj_detector_model(r.detector)->task, NJ_TASK_CLASSIFY);
    run(&r, frame, NULL);
    // Logits -1, 0, 1 + 1, 2: of the whole sum of powers of e, 2 of 15.56 + ...
    const double sum = exp(-1) + 1 + 2 * exp(2);
    assert_int_equal(found.count, 2);
    assert_string_equal(found.text, "");
    assert_float_equal(found.items[0].confidence, exp(2) / sum, 1e-3);
    assert_int_equal(found.items[0].class_id + found.items[1].class_id, 3); // bus and car
    assert_float_equal(found.items[1].box.w, 200, 1e-3);
    assert_float_equal(found.items[1].box.h, 100, 1e-3);
    run(&r, frame, &crop);
    assert_float_equal(found.items[0].box.x, 150, 1e-3);
    assert_float_equal(found.items[0].box.y, 20, 1e-3);
    assert_float_equal(found.items[0].box.w, 50, 1e-3); // in the picture
    assert_float_equal(found.items[0].box.h, 40, 1e-3);
    nj_frame_unref(frame);
    frame = make_grey(64, 64, 0); // the mean no longer lifts "bus"
    run(&r, frame, NULL);
    assert_int_equal(found.items[0].class_id, 2);
    assert_int_equal(found.items[1].class_id, 1);
    nj_frame_unref(frame);
    stop(&r);
}

static void classes_of_one_label_add_up_and_the_rest_may_go(void **state)
{
    (void)state;
    skip_without_networks(has_files);
    struct running r =
        start(CLASSES_INPUT ",\"softmax\":true,\"classes\":[\"none\",\"van\",\"bus\",\"car\"],"
                            "\"label_map\":{\"van\":\"Large\",\"bus\":\"Large\",\"*\":null}");
    struct nj_frame *frame = make_grey(64, 64, 0);
    assert_int_equal(nj_detector_model(r.detector)->class_count, 1);
    run(&r, frame, NULL);
    assert_int_equal(found.count, 1);
    assert_string_equal(nj_detector_class_name(r.detector, found.items[0].class_id), "Large");
    assert_float_equal(found.items[0].confidence, (1 + exp(1)) / (exp(-1) + 1 + exp(1) + exp(2)),
                       1e-3);
    nj_frame_unref(frame);
    stop(&r);
}

static void a_detector_reports_mapped_labels(void **state)
{
    (void)state;
    skip_without_networks(has_files);
    struct running r = start("\"weights\":\"yolov8.onnx\",\"decoder\":\"yolov8\",\"input\":{"
                             "\"width\":64,\"height\":64},\"classes\":[\"cat\",\"dog\"],"
                             "\"label_map\":{\"cat\":null,\"dog\":\"Animal\"}");
    struct nj_frame *frame = make_grey(64, 64, 9);
    run(&r, frame, NULL);
    assert_int_equal(found.count, 1); // the cat is left out
    assert_string_equal(nj_detector_class_name(r.detector, found.items[0].class_id), "Animal");
    nj_frame_unref(frame);
    stop(&r);
}

static void landmarks_come_back_to_the_picture_in_the_models_order(void **state)
{
    (void)state;
    skip_without_networks(has_files);
    struct running r =
        start("\"weights\":\"points.onnx\",\"decoder\":\"yolov5_points\",\"input\":{\"width\":64,"
              "\"height\":64,\"fit\":\"letterbox_centre\"},\"classes\":[\"one\",\"two\"],"
              "\"point_order\":[2,3,0,1]");
    // 128 x 64 in 64 x 64: half the size, 16 rows of padding above.
    struct nj_frame *frame = make_grey(128, 64, 100);
    run(&r, frame, NULL);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.items[0].class_id, 0);
    assert_float_equal(found.items[0].box.x, 48, 1e-3);
    assert_float_equal(found.items[0].box.y, 24, 1e-3);
    assert_int_equal(found.items[0].point_count, 4);
    static const float corners[4][2] = {{48, 24}, {80, 24}, {80, 40}, {48, 40}};
    for (int i = 0; i < 4; i++) {
        assert_float_equal(found.items[0].points[i][0], corners[i][0], 1e-3);
        assert_float_equal(found.items[0].points[i][1], corners[i][1], 1e-3);
    }
    const struct nj_rect crop = {64, 0, 64, 64}; // no padding, no scale, 64 to the right
    run(&r, frame, &crop);
    assert_float_equal(found.items[0].points[0][0], 64 + 24, 1e-3);
    assert_float_equal(found.items[0].points[0][1], 28, 1e-3);
    nj_frame_unref(frame);
    stop(&r);
}

static void landmarks_that_are_no_numbers_are_left_out(void **state)
{
    (void)state;
    float row[14] = {32, 32, 8, 8, 1, 1, 1, 2, 2, 3, NAN, 4, 4, 1};
    static struct nj_candidates candidates;
    struct nj_model model;
    struct nj_decoder_layout layout = {0};
    float points[4][2] = {{7, 7}};
    const float *outputs[] = {row};
    make_model(&model, NJ_DECODER_YOLOV5_POINTS, 64, 1);
    for (int32_t i = 0; i < 4; i++)
        model.point_order[i] = i;
    const struct nj_engine_info info = make_info(1, 14);
    assert_int_equal(nj_decoder_yolov5_points.check(&model, &info, &layout, NULL), 0);
    nj_decoder_yolov5_points.decode(&layout, outputs, 0.5F, &candidates);
    assert_int_equal(candidates.count, 1);
    assert_false(
        nj_decoder_yolov5_points.find_points(&layout, outputs, &candidates.items[0], points));
    row[10] = 3;
    assert_true(
        nj_decoder_yolov5_points.find_points(&layout, outputs, &candidates.items[0], points));
    assert_float_equal(points[3][1], 4, 0);
    nj_model_finish(&model);
}

#define LINES                                                                                      \
    "\"weights\":\"lines.onnx\",\"decoder\":\"ctc\",\"input\":{\"width\":64,\"width_max\":256,"    \
    "\"width_step\":64,\"height\":32,\"fit\":\"letterbox_top_left\",\"pad\":0,"                    \
    "\"scale\":0.00392156862745098},\"softmax\":true,\"space\":true,"                              \
    "\"classes\":[\"a\",\"\u00df\",\"c\"]"

// A line of text for the network of brightness: '.' is blank, a b c letters, '_' the space, each
// `step_px` wide.
static struct nj_frame *write_line(const char *text, int32_t step_px, int32_t height)
{
    struct nj_frame *frame = make_frame((int32_t)strlen(text) * step_px, height);
    for (int32_t x = 0; x < frame->width; x++) {
        const char *at = strchr(".abc_", text[x / step_px]);
        assert_non_null(at);
        const ptrdiff_t level = at - ".abc_";
        for (int32_t y = 0; y < height; y++)
            ((uint8_t *)(uintptr_t)frame->planes[0])[(ptrdiff_t)y * frame->strides[0] + x] =
                (uint8_t)(level * 255 / 4);
    }
    return frame;
}

static void a_line_is_read_at_the_width_it_has(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int32_t step_px, height;
        const char *text;
    } cases[] = {
        {"a.b.c_ab", 8, 32, "a\u00dfc a\u00df"}, // 64 wide: the least
        {"aabb.b._", 8, 32, "a\u00df\u00df "},   // repetitions are one, blanks part them
        {"a.b.", 8, 32, "a\u00df"},              // narrower: padded, not drawn out
        {"a.b.c.a.b.c.a.b.", 8, 32, "a\u00dfca\u00dfca\u00df"},
        {"a.b.c.a.b.c.a.b.c.", 8, 32, "a\u00dfca\u00dfca\u00dfc"}, // 144: the next step is 192
        {"a.b.c.a.b.c.a.b.", 16, 64, "a\u00dfca\u00dfca\u00df"},   // twice as large
        {"cccc....aaaa....", 32, 32, "ca"}, // longer than the network takes: pressed together
        {"........", 8, 32, ""},
    };
    skip_without_networks(has_files);
    struct running r = start(LINES);
    assert_int_equal(nj_detector_model(r.detector)->task, NJ_TASK_RECOGNISE);
    for (size_t turn = 0; turn < 2; turn++) { // widths come back
        for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
            struct nj_frame *frame = write_line(cases[i].line, cases[i].step_px, cases[i].height);
            run(&r, frame, NULL);
            assert_int_equal(found.count, 0);
            assert_string_equal(found.text, cases[i].text);
            if (cases[i].text[0] != '\0')
                assert_true(found.text_confidence > 0.9F && found.text_confidence <= 1);
            else
                assert_float_equal(found.text_confidence, 0, 0);
            nj_frame_unref(frame);
        }
    }
    int32_t width = -1;
    int32_t height = -1;
    nj_detector_least_size(r.detector, &width, &height);
    assert_int_equal(width + height, 0); // a line is a small part of a picture: all pixels
    stop(&r);
}

static void a_fixed_width_reads_as_well(void **state)
{
    (void)state;
    skip_without_networks(has_files);
    struct running r =
        start("\"weights\":\"lines_64.onnx\",\"decoder\":\"ctc\",\"input\":{\"width\":64,"
              "\"height\":32,\"fit\":\"letterbox_top_left\",\"pad\":0,"
              "\"scale\":0.00392156862745098},\"classes\":[\"x\",\"y\",\"z\",\"w\"],"
              "\"softmax\":true");
    struct nj_frame *frame = write_line("a.b.c._.", 8, 32);
    run(&r, frame, NULL);
    assert_string_equal(found.text, "xyzw");
    nj_frame_unref(frame);
    stop(&r);
}

static void alphabets_may_stand_in_a_file(void **state)
{
    (void)state;
    skip_without_networks(has_files);
    write_file(folder, "keys.txt", "q\r\nr\ns");
    struct running r =
        start("\"weights\":\"lines_64.onnx\",\"decoder\":\"ctc\",\"input\":{\"width\":64,"
              "\"height\":32,\"fit\":\"letterbox_top_left\",\"pad\":0,"
              "\"scale\":0.00392156862745098},\"labels\":\"keys.txt\",\"space\":true");
    struct nj_frame *frame = write_line("a.b.c.a.", 8, 32);
    run(&r, frame, NULL);
    assert_string_equal(found.text, "qrsq");
    nj_frame_unref(frame);
    stop(&r);
}

static void a_text_longer_than_its_place_ends_with_a_whole_character(void **state)
{
    (void)state;
    enum { STEPS = 400, COLUMNS = 2 };
    static float values[STEPS][COLUMNS];
    struct nj_model model = {.alphabet_count = 1};
    const struct nj_decoder_layout layout = {.columns = COLUMNS, .model = &model};
    model.alphabet = calloc(1, sizeof *model.alphabet);
    assert_non_null(model.alphabet);
    memcpy(model.alphabet[0], "\xe6\xb8\x9d", 3);
    for (int i = 0; i < STEPS; i++)
        values[i][i % 2] = 1;
    nj_decoder_ctc.read(&layout, values[0], STEPS, &found);
    assert_int_equal(strlen(found.text), (NJ_RECOGNISED_TEXT_SIZE - 1) / 3 * 3);
    assert_float_equal(found.text_confidence, 1, 1e-6);
    nj_model_finish(&model);
}

static void values_that_are_no_numbers_are_survived(void **state)
{
    (void)state;
    static const float rows[4][3] = {
        {NAN, NAN, NAN}, {0, INFINITY, 1}, {NAN, 0.5F, NAN}, {-INFINITY, NAN, -INFINITY}};
    struct nj_model model;
    make_model(&model, NJ_DECODER_CLASSES, 64, 3);
    model.top = 3;
    for (int softmax = 0; softmax < 2; softmax++) {
        model.softmax = softmax == 1;
        const struct nj_engine_info info = make_info(3, 0);
        struct nj_decoder_layout layout = {0};
        assert_int_equal(nj_decoder_classes.check(&model, &info, &layout, NULL), 0);
        for (size_t i = 0; i < 4; i++) {
            static struct nj_candidates candidates;
            const float *outputs[] = {rows[i]};
            candidates.count = 0;
            nj_decoder_classes.decode(&layout, outputs, 0, &candidates);
            for (size_t k = 0; k < candidates.count; k++)
                assert_true(candidates.items[k].score > 0 && candidates.items[k].score <= 1);
        }
    }
    model.alphabet = calloc(2, sizeof *model.alphabet);
    model.alphabet_count = 2;
    const struct nj_decoder_layout layout = {.columns = 3, .model = &model};
    nj_decoder_ctc.read(&layout, rows[0], 4, &found);
    assert_true(found.text_confidence >= 0 && found.text_confidence <= 1);
    nj_model_finish(&model);
}

static void each_wrong_network_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *members, *says[2];
    } cases[] = {
        {CLASSES_INPUT ",\"classes\":[\"a\"]", {"\"classes\" with 1 classes", "[1, 1, 4]"}},
        {CLASSES_INPUT ",\"label_offset\":2,\"classes\":[\"a\",\"b\",\"c\"]",
         {"[1, 5] first", "[1, 1, 4]"}},
        {"\"weights\":\"points.onnx\",\"decoder\":\"yolov5_points\",\"input\":{\"width\":64,"
         "\"height\":64},\"classes\":[\"a\"]",
         {"[1, rows, 14]", "[1, 2, 15]"}},
        {"\"weights\":\"lines_64.onnx\",\"decoder\":\"ctc\",\"input\":{\"width\":64,\"height\":32},"
         "\"classes\":[\"a\",\"b\"]",
         {"[1, steps, 3]", "[1, 8, 5]"}},
        {"\"weights\":\"lines_64.onnx\",\"decoder\":\"ctc\",\"input\":{\"width\":64,\"height\":32,"
         "\"width_max\":128},\"classes\":[\"a\",\"b\",\"c\",\"d\"]",
         {"[1, 3, 32, ?]", "[1, 3, 32, 64]"}},
    };
    skip_without_networks(has_files);
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_detector *detector = NULL;
        struct nj_error error = {0};
        if (make_detector(cases[i].members, &detector, &error) != NJ_E_INVALID ||
            strstr(error.text, cases[i].says[0]) == NULL ||
            strstr(error.text, cases[i].says[1]) == NULL)
            fail_msg("case %zu: %s", i, error.text);
    }
}

int tasks_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_classifier_gives_the_likeliest_with_the_crop_as_box),
        cmocka_unit_test(classes_of_one_label_add_up_and_the_rest_may_go),
        cmocka_unit_test(a_detector_reports_mapped_labels),
        cmocka_unit_test(landmarks_come_back_to_the_picture_in_the_models_order),
        cmocka_unit_test(landmarks_that_are_no_numbers_are_left_out),
        cmocka_unit_test(a_line_is_read_at_the_width_it_has),
        cmocka_unit_test(a_fixed_width_reads_as_well),
        cmocka_unit_test(alphabets_may_stand_in_a_file),
        cmocka_unit_test(a_text_longer_than_its_place_ends_with_a_whole_character),
        cmocka_unit_test(values_that_are_no_numbers_are_survived),
        cmocka_unit_test(each_wrong_network_is_named),
    };
    return cmocka_run_group_tests_name("tasks", tests, write_networks, remove_networks);
}
