// SPDX-License-Identifier: Apache-2.0
// The onnx engine on small networks of every family, and on files that are wrong.
#include "tests/unit/detect/detect_helper.h"

#include "util/digest.h"
#include "util/file.h"
#include "util/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int onnx_test(void);

static char folder[64];
static bool has_files; // Node wrote the networks

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

// Writes a manifest and makes a detector of it.
struct asked {
    const char *weights, *decoder, *extra; // extra: more members, with a comma before
    const char *device;
};

static int make_detector(const struct asked *asked, struct nj_detector **out, struct nj_error *err)
{
    char json[1024];
    char path[128];
    snprintf(json, sizeof json,
             "{\"name\":\"t\",\"weights\":\"%s.onnx\",\"decoder\":\"%s\",\"threshold\":0.5,"
             "\"input\":{\"width\":64,\"height\":64,\"scale\":0.00392156862745098},"
             "\"classes\":[\"cat\",\"dog\"]%s}",
             asked->weights, asked->decoder, asked->extra != NULL ? asked->extra : "");
    write_file(folder, "manifest.json", json);
    snprintf(path, sizeof path, "%s/manifest.json", folder);
    struct nj_detect_options options = make_options();
    options.engine = NJ_ENGINE_ONNX;
    options.model = path;
    if (asked->device != NULL)
        options.device = asked->device;
    const struct nj_detector_config config = {.options = &options, .clock = nj_clock_real()};
    return nj_detector_create(&config, out, err);
}

static void fill_luma(struct nj_frame *frame, uint8_t luma)
{
    memset((void *)(uintptr_t)frame->planes[0], luma,
           (size_t)frame->strides[0] * (size_t)frame->height);
}

static void run_one(const struct asked *asked, struct nj_detections *out)
{
    struct nj_detector *detector = NULL;
    struct nj_detector_thread *thread = NULL;
    struct nj_error error = {0};
    if (make_detector(asked, &detector, &error) != 0)
        fail_msg("%s: %s", asked->weights, error.text);
    assert_string_equal(nj_detector_device(detector), "cpu");
    assert_int_equal(nj_detector_thread_create(detector, &thread, &error), 0);
    struct nj_frame *frame = make_frame(128, 128); // twice the input: boxes double
    fill_luma(frame, 255);
    const struct nj_detect_request request = {.frames = &frame, .count = 1};
    if (nj_detector_run(thread, &request, out, &error) != 0)
        fail_msg("%s", error.text);
    nj_frame_unref(frame);
    nj_detector_thread_destroy(thread);
    nj_detector_destroy(detector);
}

static void assert_detection(const struct nj_detection *d, const float box[4], float confidence,
                             int32_t class_id)
{
    assert_float_equal(d->box.x, box[0], 0.01);
    assert_float_equal(d->box.y, box[1], 0.01);
    assert_float_equal(d->box.w, box[2], 0.01);
    assert_float_equal(d->box.h, box[3], 0.01);
    assert_float_equal(d->confidence, confidence, 0.01);
    assert_int_equal(d->class_id, class_id);
}

static void every_family_runs_from_pixels_to_boxes(void **state)
{
    (void)state;
    static const struct {
        struct asked asked;
        size_t count;
        float box[4];
        float confidence;
    } cases[] = {
        {{"yolox", "yolox", NULL, NULL}, 1, {32, 40, 32, 64}, 0.72F},
        {{"yolov5", "yolov5", NULL, NULL}, 2, {0, 104, 16, 16}, 1},
        {{"yolov5_open", "yolov5", NULL, NULL}, 2, {0, 104, 16, 16}, 1},
        {{"yolov8", "yolov8", NULL, NULL}, 2, {48, 56, 32, 16}, 0.9F},
        {{"end_to_end", "end_to_end", NULL, NULL}, 2, {48, 56, 32, 16}, 0.9F},
        {{"centernet", "centernet", NULL, NULL}, 1, {56, 56, 16, 16}, 0.9F},
    };
    skip_without_networks(has_files);
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        static struct nj_detections out;
        run_one(&cases[i].asked, &out);
        assert_int_equal(out.count, cases[i].count);
        // The surest of the yolov5 ones is the cat, of all others a dog.
        const bool is_cat = strcmp(cases[i].asked.decoder, "yolov5") == 0;
        const float x = is_cat ? 8 : cases[i].box[0];
        const float box[4] = {x, cases[i].box[1], cases[i].box[2], cases[i].box[3]};
        assert_detection(&out.items[0], box, cases[i].confidence, is_cat ? 0 : 1);
    }
}

static void pictures_of_a_batch_keep_their_own_results(void **state)
{
    (void)state;
    skip_without_networks(has_files);
    struct nj_detector *detector = NULL;
    struct nj_detector_thread *thread = NULL;
    static struct nj_detections out[4];
    struct nj_frame *frames[4];
    static const uint8_t lumas[4] = {255, 0, 204, 140}; // objectness 1, 0, 0.8, 0.55
    const struct asked asked = {"yolov5", "yolov5", ",\"max_batch\":4", NULL};
    assert_int_equal(make_detector(&asked, &detector, NULL), 0);
    assert_int_equal(nj_detector_thread_create(detector, &thread, NULL), 0);
    for (int i = 0; i < 4; i++) {
        frames[i] = make_frame(64, 64);
        fill_luma(frames[i], lumas[i]);
    }
    for (size_t count = 1; count <= 4; count++) {
        const struct nj_detect_request request = {.frames = frames, .count = count};
        assert_int_equal(nj_detector_run(thread, &request, out, NULL), 0);
        for (size_t i = 0; i < count; i++) {
            const size_t expected = lumas[i] == 0 ? 0 : lumas[i] == 255 ? 2 : 2 - (lumas[i] < 160);
            assert_int_equal(out[i].count, expected);
            if (out[i].count > 0)
                assert_float_equal(out[i].items[0].confidence, (float)lumas[i] / 255, 0.02);
        }
    }
    const struct nj_detect_request none = {.frames = frames, .count = 0};
    assert_int_equal(nj_detector_run(thread, &none, out, NULL), NJ_E_INVALID);
    const struct nj_detect_request many = {.frames = frames, .count = 5};
    assert_int_equal(nj_detector_run(thread, &many, out, NULL), NJ_E_INVALID);
    for (int i = 0; i < 4; i++)
        nj_frame_unref(frames[i]);
    nj_detector_thread_destroy(thread);
    nj_detector_destroy(detector);
}

static void nan_is_nothing_found(void **state)
{
    (void)state;
    static struct nj_detections out;
    skip_without_networks(has_files);
    run_one(&(struct asked){"nan", "end_to_end", NULL, NULL}, &out);
    assert_int_equal(out.count, 0);
}

static void a_missing_gpu_falls_back_to_the_cpu(void **state)
{
    (void)state;
    static struct nj_detections out;
    skip_without_networks(has_files);
    run_one(&(struct asked){"yolox", "yolox", NULL, "cuda:7"}, &out); // asserts the device "cpu"
    assert_int_equal(out.count, 1);
}

static void each_wrong_model_is_named_with_what_was_expected(void **state)
{
    (void)state;
    static const struct {
        struct asked asked;
        int code;
        const char *says[3];
    } cases[] = {
        {{"yolov8", "yolox", NULL, NULL},
         NJ_E_INVALID,
         {"yolov8.onnx", "[1, 84, 7]", "[1, 6, 20]"}},
        {{"yolov8_small_input", "yolov8", NULL, NULL},
         NJ_E_INVALID,
         {"yolov8_small_input.onnx", "[1, 3, 64, 64]", "[1, 3, 32, 32]"}},
        {{"yolov5_one", "yolov5", ",\"max_batch\":2", NULL},
         NJ_E_INVALID,
         {"yolov5_one.onnx", "[?, 3, 64, 64]", "[1, 3, 64, 64]"}},
        {{"half", "yolov5", NULL, NULL}, NJ_E_UNSUPPORTED, {"half.onnx", "float32", ""}},
        {{"two_inputs", "yolov5", NULL, NULL}, NJ_E_INVALID, {"two_inputs.onnx", "1 input", "2"}},
        {{"varying", "yolov5", NULL, NULL}, NJ_E_INVALID, {"varying.onnx", "output 0", "[4, "}},
        {{"none", "yolov5", NULL, NULL}, NJ_E_NOT_FOUND, {"none.onnx", "tools/fetch-models", ""}},
        {{"garbage", "yolov5", NULL, NULL}, NJ_E_CORRUPT, {"garbage.onnx", "", ""}},
        {{"empty", "yolov5", NULL, NULL}, NJ_E_CORRUPT, {"empty.onnx", "", ""}},
        {{"yolox", "yolox", NULL, "gpu"}, NJ_E_INVALID, {"detect.device", "gpu", "cpu or cuda:N"}},
    };
    skip_without_networks(has_files);
    write_file(folder, "garbage.onnx", "this is not a network, whatever its name says");
    write_file(folder, "empty.onnx", "");
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_detector *detector = NULL;
        struct nj_error error = {0};
        const int rc = make_detector(&cases[i].asked, &detector, &error);
        bool named = rc == cases[i].code;
        for (size_t k = 0; k < 3; k++)
            named = named && strstr(error.text, cases[i].says[k]) != NULL;
        if (!named)
            fail_msg("case %zu: %d %s", i, rc, error.text);
        assert_null(detector);
    }
}

static void a_model_cut_short_is_one_clear_error(void **state)
{
    (void)state;
    char path[128];
    char *bytes = NULL;
    size_t length = 0;
    skip_without_networks(has_files);
    snprintf(path, sizeof path, "%s/yolox.onnx", folder);
    assert_int_equal(nj_file_read(path, 1 << 20, &bytes, &length, NULL), 0);
    snprintf(path, sizeof path, "%s/cut.onnx", folder);
    for (size_t part = 1; part < 8; part++) {
        struct nj_detector *detector = NULL;
        struct nj_error error = {0};
        assert_int_equal(nj_file_write_atomic(path, bytes, length * part / 8, NULL), 0);
        const struct asked asked = {"cut", "yolox", NULL, NULL};
        assert_int_not_equal(make_detector(&asked, &detector, &error), 0);
        assert_non_null(strstr(error.text, "cut.onnx"));
    }
    free(bytes);
}

static void the_checksum_of_the_manifest_is_enforced(void **state)
{
    (void)state;
    char path[128];
    char extra[128];
    char *bytes = NULL;
    char sum[NJ_SHA256_HEX_SIZE];
    size_t length = 0;
    struct nj_detector *detector = NULL;
    struct nj_error error = {0};
    skip_without_networks(has_files);
    snprintf(path, sizeof path, "%s/yolox.onnx", folder);
    assert_int_equal(nj_file_read(path, 1 << 20, &bytes, &length, NULL), 0);
    assert_int_equal(nj_sha256_hex(bytes, length, sum), 0);
    free(bytes);
    struct asked asked = {"yolox", "yolox", extra, NULL};
    snprintf(extra, sizeof extra, ",\"sha256\":\"%s\"", sum);
    assert_int_equal(make_detector(&asked, &detector, &error), 0);
    nj_detector_destroy(detector);
    extra[20] = extra[20] == '0' ? '1' : '0';
    assert_int_equal(make_detector(&asked, &detector, &error), NJ_E_CORRUPT);
    assert_non_null(strstr(error.text, sum));
}

static void a_library_that_is_none_is_one_clear_error(void **state)
{
    (void)state;
    static const char *const paths[] = {"/no/such/libonnxruntime.so", "libm.so.6"};
    for (size_t i = 0; i < NJ_COUNT_OF(paths); i++) {
        struct nj_detect_options options = make_options();
        struct nj_detector *detector = NULL;
        struct nj_error error = {0};
        options.engine = NJ_ENGINE_ONNX;
        options.model = MODELS_FOLDER "/yolox_nano_416.json";
        options.engine_library = paths[i];
        const struct nj_detector_config config = {.options = &options, .clock = nj_clock_real()};
        assert_int_equal(nj_detector_create(&config, &detector, &error), NJ_E_UNAVAILABLE);
        assert_non_null(strstr(error.text, "ONNX Runtime"));
    }
}

int onnx_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_runs_from_pixels_to_boxes),
        cmocka_unit_test(pictures_of_a_batch_keep_their_own_results),
        cmocka_unit_test(nan_is_nothing_found),
        cmocka_unit_test(a_missing_gpu_falls_back_to_the_cpu),
        cmocka_unit_test(each_wrong_model_is_named_with_what_was_expected),
        cmocka_unit_test(a_model_cut_short_is_one_clear_error),
        cmocka_unit_test(the_checksum_of_the_manifest_is_enforced),
        cmocka_unit_test(a_library_that_is_none_is_one_clear_error),
    };
    return cmocka_run_group_tests_name("onnx", tests, write_networks, remove_networks);
}
