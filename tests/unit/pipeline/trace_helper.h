// SPDX-License-Identifier: Apache-2.0
// The archive of the worked trace: a car and its front, brand and body type beside each other, one
// record.
#ifndef NJ_TESTS_PIPELINE_TRACE_HELPER_H
#define NJ_TESTS_PIPELINE_TRACE_HELPER_H

#define NODE(id, file) "\"modelId\":\"" id "\",\"modelFile\":\"" file ".onnx\""
#define BRAND_BRANCH_WITH(more)                                                                    \
    "{" NODE("car_brand_cls_v1", "brand") "," more "\"parallel\":true,\"crop\":true,"              \
                                          "\"cropClass\":\"Frontal\",\"resizeTarget\":[64,64],"    \
                                          "\"triggerClasses\":[\"Frontal\"],"                      \
                                          "\"minConfidence\":0.85,\"branches\":[]}"
#define BRAND_BRANCH BRAND_BRANCH_WITH("")
#define BODY_BRANCH                                                                                \
    "{" NODE(                                                                                      \
        "car_bodytype_cls_v1",                                                                     \
        "body") ",\"parallel\":true,\"crop\":true,"                                                \
                "\"cropClass\":\"Car\",\"resizeTarget\":[64,64],\"triggerClasses\":[\"Car\"],"     \
                "\"minConfidence\":0.85,\"branches\":[]}"
#define SAVE_AND_PUBLISH                                                                           \
    "\"actions\":[{\"type\":\"redis_save_image\",\"region\":\"Frontal\","                          \
    "\"key\":\"inference:{display_id}:{timestamp}:{session_id}:{filename}\","                      \
    "\"expire_seconds\":600,\"format\":\"jpeg\",\"quality\":90},"                                  \
    "{\"type\":\"redis_publish\",\"channel\":\"car_detections\",\"message\":"                      \
    "\"{\\\"event\\\":\\\"frontal_detected\\\",\\\"display_id\\\":\\\"{display_id}\\\","           \
    "\\\"session_id\\\":\\\"{session_id}\\\",\\\"timestamp\\\":\\\"{timestamp}\\\","               \
    "\\\"image_key\\\":\\\"{image_key}\\\"}\"}]"
#define UPDATE_COMBINED(waits)                                                                     \
    "\"parallelActions\":[{\"type\":\"postgresql_update_combined\","                               \
    "\"table\":\"car_frontal_info\",\"key_field\":\"session_id\","                                 \
    "\"key_value\":\"{session_id}\",\"waitForBranches\":[" waits "],"                              \
    "\"fields\":{\"car_brand\":\"{car_brand_cls_v1.brand}\","                                      \
    "\"car_body_type\":\"{car_bodytype_cls_v1.body_type}\"}}]"
#define BOTH "\"car_brand_cls_v1\",\"car_bodytype_cls_v1\""
#define ROOT                                                                                       \
    NODE("car_frontal_detection_v1", "car")                                                        \
    ",\"crop\":false,\"triggerClasses\":[\"Car\",\"Frontal\"],\"minConfidence\":0.8,"              \
    "\"multiClass\":true,\"expectedClasses\":[\"Car\",\"Frontal\"]"
#define TRACE_WITH(more)                                                                           \
    "{\"pipeline\":{" ROOT "," SAVE_AND_PUBLISH "," more "\"branches\":[" BRAND_BRANCH             \
    "," BODY_BRANCH "]," UPDATE_COMBINED(BOTH) "}}"
#define TRACE TRACE_WITH("")

#endif
