// SPDX-License-Identifier: Apache-2.0
// Detectors whose engine answers with detections: script, order, filters, choice of the model.
#include "tests/unit/detect/detect_helper.h"

#include <string.h>

int detector_test(void);

// Two pictures; the first has one box in part outside and one unknown class.
#define SCRIPT                                                                                     \
    "[[{\"class\":\"dog\",\"confidence\":0.5,\"bbox\":{\"x\":10,\"y\":10,\"width\":5,"             \
    "\"height\":5}},"                                                                              \
    "{\"class\":\"Person\",\"confidence\":0.9,\"bbox\":{\"x\":90,\"y\":-5,\"width\":40,"           \
    "\"height\":25}},"                                                                             \
    "{\"class\":\"unicorn\",\"confidence\":0.9,\"bbox\":{\"x\":1,\"y\":1,\"width\":4,"             \
    "\"height\":2}},"                                                                              \
    "{\"class\":\"cat\",\"confidence\":0.3,\"bbox\":{\"x\":1,\"y\":1,\"width\":4,"                 \
    "\"height\":2}}],[]]"

static int make(const struct nj_detect_options *options, struct nj_detector **detector,
                struct nj_detector_thread **thread, struct nj_error *err)
{
    const struct nj_detector_config config = {.options = options, .clock = nj_clock_real()};
    int rc = nj_detector_create(&config, detector, err);
    return rc != 0 ? rc : nj_detector_thread_create(*detector, thread, err);
}

static void run(struct nj_detector_thread *thread, uint64_t sequence, struct nj_detections *out)
{
    struct nj_frame *frame = make_frame(100, 80);
    frame->sequence = sequence;
    const struct nj_detect_request request = {.frames = &frame, .count = 1};
    assert_int_equal(nj_detector_run(thread, &request, out, NULL), 0);
    nj_frame_unref(frame);
}

static void results_are_sorted_clipped_and_above_the_threshold(void **state)
{
    (void)state;
    struct nj_detect_options options = make_options();
    struct nj_detector *detector = NULL;
    struct nj_detector_thread *thread = NULL;
    static struct nj_detections out;
    options.null_script = SCRIPT;
    assert_int_equal(make(&options, &detector, &thread, NULL), 0);
    assert_float_equal(nj_detector_threshold(detector), 0.4, 1e-9); // the manifest's
    assert_string_equal(nj_detector_device(detector), "null");
    assert_int_equal(nj_detector_probe(thread, NULL), 0);
    run(thread, 1, &out);
    assert_int_equal(out.count, 2);
    assert_string_equal(nj_detector_class_name(detector, out.items[0].class_id), "person");
    assert_float_equal(out.items[0].box.x, 90, 1e-3);
    assert_float_equal(out.items[0].box.y, 0, 1e-3);
    assert_float_equal(out.items[0].box.w, 10, 1e-3);
    assert_float_equal(out.items[0].box.h, 20, 1e-3);
    assert_string_equal(nj_detector_class_name(detector, out.items[1].class_id), "dog");
    run(thread, 2, &out);
    assert_int_equal(out.count, 0);
    run(thread, 3, &out); // the script begins anew
    assert_int_equal(out.count, 2);
    assert_string_equal(nj_detector_class_name(detector, -1), "unknown");
    assert_string_equal(nj_detector_class_name(detector, 80), "unknown");
    nj_detector_thread_destroy(thread);
    nj_detector_destroy(detector);
}

static void settings_choose_threshold_and_classes(void **state)
{
    (void)state;
    static const char *const wanted[] = {"CAT"};
    struct nj_detect_options options = make_options();
    struct nj_detector *detector = NULL;
    struct nj_detector_thread *thread = NULL;
    static struct nj_detections out;
    options.null_script = SCRIPT;
    options.threshold = 0.25;
    options.classes = (struct nj_text_list){.items = wanted, .count = 1};
    assert_int_equal(make(&options, &detector, &thread, NULL), 0);
    run(thread, 0, &out);
    assert_int_equal(out.count, 1);
    assert_float_equal(out.items[0].confidence, 0.3, 1e-6);
    nj_detector_thread_destroy(thread);
    nj_detector_destroy(detector);
}

static void a_request_chooses_its_own_threshold_classes_and_part(void **state)
{
    (void)state;
    static const char *const everyday[] = {"dog"};
    struct nj_detect_options options = make_options();
    struct nj_detector *detector = NULL;
    struct nj_detector_thread *thread = NULL;
    static struct nj_detections out;
    bool wanted[NJ_MODEL_CLASSES_MAX] = {false};
    const struct nj_rect part = {.w = 50, .h = 50};
    options.null_script = SCRIPT;
    options.classes = (struct nj_text_list){.items = everyday, .count = 1};
    assert_int_equal(make(&options, &detector, &thread, NULL), 0);
    struct nj_frame *frame = make_frame(100, 80);
    struct nj_detect_request request = {.frames = &frame, .count = 1, .threshold = 0.25F};
    assert_int_equal(nj_detector_run(thread, &request, &out, NULL), 0);
    assert_int_equal(out.count, 1); // the settings' classes still hold: no cat
    for (int32_t i = 0; i < nj_detector_model(detector)->class_count; i++)
        wanted[i] = true;
    request.wanted = wanted;
    assert_int_equal(nj_detector_run(thread, &request, &out, NULL), 0);
    assert_int_equal(out.count, 3);
    request.crops = &part;
    assert_int_equal(nj_detector_run(thread, &request, &out, NULL), 0);
    assert_int_equal(out.count, 2);
    request.threshold = 0;
    assert_int_equal(nj_detector_run(thread, &request, &out, NULL), 0);
    assert_int_equal(out.count, 1);
    assert_string_equal(nj_detector_class_name(detector, out.items[0].class_id), "dog");
    nj_frame_unref(frame);
    nj_detector_thread_destroy(thread);
    nj_detector_destroy(detector);
}

static void borrowed_states_are_used_again_and_go_with_the_detector(void **state)
{
    (void)state;
    struct nj_detect_options options = make_options();
    struct nj_detector *detector = NULL;
    struct nj_detector_thread *own = NULL;
    struct nj_detector_thread *threads[3] = {NULL};
    assert_int_equal(make(&options, &detector, &own, NULL), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(nj_detector_thread_borrow(detector, &threads[i], NULL), 0);
    assert_ptr_not_equal(threads[0], threads[1]); // both are in use
    nj_detector_thread_give_back(threads[0]);
    assert_int_equal(nj_detector_thread_borrow(detector, &threads[2], NULL), 0);
    assert_ptr_equal(threads[2], threads[0]);
    nj_detector_thread_give_back(threads[1]);
    nj_detector_thread_give_back(threads[2]);
    nj_detector_thread_give_back(NULL);
    nj_detector_thread_destroy(own);
    nj_detector_destroy(detector); // the sanitizer sees a state that stays
}

static void a_class_the_model_lacks_is_an_error(void **state)
{
    (void)state;
    static const char *const wanted[] = {"person", "unicorn"};
    struct nj_detect_options options = make_options();
    struct nj_detector *detector = NULL;
    struct nj_detector_thread *thread = NULL;
    struct nj_error error = {0};
    options.classes = (struct nj_text_list){.items = wanted, .count = 2};
    assert_int_equal(make(&options, &detector, &thread, &error), NJ_E_INVALID);
    assert_non_null(strstr(error.text, "unicorn"));
}

static void a_fired_token_ends_before_work(void **state)
{
    (void)state;
    struct nj_detect_options options = make_options();
    struct nj_detector *detector = NULL;
    struct nj_detector_thread *thread = NULL;
    static struct nj_detections out;
    struct nj_cancel cancel;
    nj_cancel_init(&cancel, NULL);
    nj_cancel_fire(&cancel);
    assert_int_equal(make(&options, &detector, &thread, NULL), 0);
    struct nj_frame *frame = make_frame(8, 8);
    const struct nj_detect_request request = {.frames = &frame, .count = 1, .cancel = &cancel};
    assert_int_equal(nj_detector_run(thread, &request, &out, NULL), NJ_E_CANCELLED);
    nj_frame_unref(frame);
    nj_detector_thread_destroy(thread);
    nj_detector_destroy(detector);
}

static void bad_scripts_are_refused(void **state)
{
    (void)state;
    static const char *const scripts[] = {
        "[1]",
        "[[{\"class\":\"dog\"}]]",
        "[[{\"class\":\"dog\",\"confidence\":2,\"bbox\":{\"x\":1,\"y\":1,\"width\":4,"
        "\"height\":2}}]]",
        "[[{\"class\":\"dog\",\"confidence\":1,\"bbox\":{\"x\":1e300,\"y\":1,\"width\":4,"
        "\"height\":2}}]]",
        "[[{\"class\":\"dog\",\"confidence\":1,\"bbox\":{\"x\":1,\"y\":1,\"width\":4,"
        "\"height\":2},\"points\":[{\"x\":1,\"y\":1}]}]]",
        "[[{\"text\":\"x\"}]]",
        "/no/such/script.json",
    };
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        struct nj_detect_options options = make_options();
        struct nj_detector *detector = NULL;
        struct nj_detector_thread *thread = NULL;
        struct nj_error error = {0};
        options.null_script = scripts[i];
        assert_int_not_equal(make(&options, &detector, &thread, &error), 0);
        assert_non_null(strstr(error.text, "null_script"));
    }
}

static void scripts_may_give_landmarks_and_text(void **state)
{
    (void)state;
    static const char script[] =
        "[[{\"class\":\"a\",\"confidence\":0.8,\"bbox\":{\"x\":10,\"y\":20,\"width\":30,"
        "\"height\":10},\"points\":[{\"x\":10,\"y\":20},{\"x\":40,\"y\":21},{\"x\":39,\"y\":30},"
        "{\"x\":9,\"y\":29}]},{\"text\":\"AB 12\",\"confidence\":0.7},"
        "{\"text\":\"later\",\"confidence\":0.9}]]";
    static const char *const manifests[] = {
        "{\"name\":\"m\",\"weights\":\"w\",\"decoder\":\"yolov5_points\",\"threshold\":0.2,"
        "\"input\":{\"width\":32,\"height\":32},\"classes\":[\"a\"]}",
        "{\"name\":\"m\",\"weights\":\"w\",\"decoder\":\"ctc\",\"threshold\":0.2,"
        "\"input\":{\"width\":32,\"height\":32},\"classes\":[\"a\"]}"};
    static struct nj_detections out;
    char folder[64];
    make_folder(folder);
    for (int i = 0; i < 2; i++) {
        struct nj_detect_options options = make_options();
        struct nj_detector *detector = NULL;
        struct nj_detector_thread *thread = NULL;
        write_file(folder, "m.json", manifests[i]);
        options.models_folder = folder;
        options.model = "m";
        options.null_script = script;
        assert_int_equal(make(&options, &detector, &thread, NULL), 0);
        run(thread, 1, &out);
        assert_int_equal(out.count, i == 0 ? 1 : 0);
        assert_string_equal(out.text, i == 0 ? "" : "AB 12");
        if (i == 0) {
            assert_int_equal(out.items[0].point_count, 4);
            assert_float_equal(out.items[0].points[1][1], 21, 1e-3);
        } else {
            assert_float_equal(out.text_confidence, 0.7, 1e-6);
        }
        nj_detector_thread_destroy(thread);
        nj_detector_destroy(detector);
    }
    remove_folder(folder);
}

static void models_are_found_by_name_path_or_what_is_there(void **state)
{
    (void)state;
    char folder[64];
    struct nj_error error = {0};
    struct nj_detect_options options = make_options();
    struct nj_detector *detector = NULL;
    struct nj_detector_thread *thread = NULL;
    make_folder(folder);
    options.models_folder = folder;
    assert_int_equal(make(&options, &detector, &thread, &error), NJ_E_NOT_FOUND);
    assert_non_null(strstr(error.text, "tools/fetch-models"));
    assert_non_null(strstr(error.text, folder));
    options.model = "mine";
    assert_int_equal(make(&options, &detector, &thread, &error), NJ_E_NOT_FOUND);
    assert_non_null(strstr(error.text, "mine"));
    static const char manifest[] =
        "{\"name\":\"my own\",\"weights\":\"w.onnx\",\"decoder\":\"yolox\",\"threshold\":0.2,"
        "\"input\":{\"width\":32,\"height\":32},\"classes\":[\"a\"]}";
    write_file(folder, "mine.json", manifest);
    assert_int_equal(make(&options, &detector, &thread, &error), 0);
    assert_string_equal(nj_detector_model(detector)->name, "my own");
    nj_detector_thread_destroy(thread);
    nj_detector_destroy(detector);

    // With the onnx engine, a known model without weights is passed over for one that has them.
    write_file(folder, "yolox_nano_416.json", manifest);
    options.model = "";
    options.engine = NJ_ENGINE_ONNX;
    assert_int_equal(make(&options, &detector, &thread, &error), NJ_E_NOT_FOUND);
    write_file(folder, "centernet_512.json", manifest);
    write_file(folder, "w.onnx", "no network");
    assert_int_equal(make(&options, &detector, &thread, &error), NJ_E_CORRUPT);
    remove_folder(folder);
}

static void an_engine_elsewhere_gets_whole_pictures(void **state)
{
    (void)state;
    struct nj_detect_options options = make_options();
    struct nj_detector *detector = NULL;
    struct nj_detector_thread *thread = NULL;
    int32_t width = -1;
    int32_t height = -1;
    assert_int_equal(make(&options, &detector, &thread, NULL), 0);
    nj_detector_least_size(detector, &width, &height);
    assert_int_equal(width, 0);
    assert_int_equal(height, 0);
    nj_detector_thread_destroy(thread);
    nj_detector_destroy(detector);
}

int detector_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_sorted_clipped_and_above_the_threshold),
        cmocka_unit_test(settings_choose_threshold_and_classes),
        cmocka_unit_test(a_request_chooses_its_own_threshold_classes_and_part),
        cmocka_unit_test(borrowed_states_are_used_again_and_go_with_the_detector),
        cmocka_unit_test(a_class_the_model_lacks_is_an_error),
        cmocka_unit_test(a_fired_token_ends_before_work),
        cmocka_unit_test(bad_scripts_are_refused),
        cmocka_unit_test(scripts_may_give_landmarks_and_text),
        cmocka_unit_test(models_are_found_by_name_path_or_what_is_there),
        cmocka_unit_test(an_engine_elsewhere_gets_whole_pictures),
    };
    return cmocka_run_group_tests_name("detector", tests, NULL, NULL);
}
