// SPDX-License-Identifier: Apache-2.0
// ZIP archives by hand, stored without compression: also those that no honest tool would make.
const crcs = Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    return crc;
});

function crc32(bytes) {
    let crc = ~0;
    for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ crcs[(crc ^ bytes[i]) & 255];
    return ~crc >>> 0;
}

function record(signature, fields) {
    const bytes = Buffer.alloc(4 + fields.reduce((sum, [size]) => sum + size, 0));
    bytes.writeUInt32LE(signature, 0);
    let at = 4;
    for (const [size, value] of fields) {
        bytes.writeUIntLE(value, at, size);
        at += size;
    }
    return bytes;
}

// `files`: { name: text or bytes }
export function zip(files) {
    const parts = [];
    const directory = [];
    let offset = 0;
    for (const [name, content] of Object.entries(files)) {
        const data = Buffer.from(content);
        const title = Buffer.from(name);
        const common = [[2, 0], [2, 0], [2, 0], [2, 0x5821], [4, crc32(data)], [4, data.length], [4, data.length], [2, title.length], [2, 0]];
        const local = record(0x04034b50, [[2, 20], ...common]);
        directory.push(record(0x02014b50, [[2, 20], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]), title);
        parts.push(local, title, data);
        offset += local.length + title.length + data.length;
    }
    const size = directory.reduce((sum, one) => sum + one.length, 0);
    const count = Object.keys(files).length;
    return Buffer.concat([...parts, ...directory, record(0x06054b50, [[2, 0], [2, 0], [2, count], [2, count], [4, size], [4, offset], [2, 0]])]);
}

export const carManifest = {
    name: "cars",
    weights: "cars.onnx",
    decoder: "yolox",
    input: { width: 416, height: 416, fit: "letterbox_top_left", order: "bgr", layout: "nchw", pad: 114 },
    threshold: 0.4,
    nms_iou: 0.45,
    classes: ["person", "car"],
};

export const carPipeline = {
    pipeline: {
        modelId: "car_detection_v1",
        modelFile: "cars.onnx",
        crop: false,
        triggerClasses: ["car"],
        minConfidence: 0.5,
        tracking: { enabled: true, method: "bytetrack", stabilityThreshold: 3 },
        actions: [{ type: "redis_save_image", region: "car", key: "inference:{display_id}:{session_id}:{filename}", format: "jpeg", quality: 90 }],
        branches: [],
    },
};

export function carArchive(change = {}) {
    return zip({
        "cars/pipeline.json": JSON.stringify(carPipeline),
        "cars/cars.json": JSON.stringify(carManifest),
        "cars/cars.onnx": "weights that the null engine does not read",
        ...change,
    });
}
