// SPDX-License-Identifier: Apache-2.0
// Reads Parquet, Avro and JSON lines with Java's own libraries and says what is in them, exactly; judges.py asks it.
// Run as a script: java -cp '.cache/jars/*' tests/tools/judge/Judge.java
//
// A line in: {"format": "parquet" | "avro" | "json", "path": …, "eq": {"column", "type", "value"}}
// Lines out: one object per row, then {"done": rows, "schema": text} or {"error": text}.
// Values: null, true, numbers (integers), "text", [list] as they are; all others are objects of one or two members:
//   {"f": bits of a double} {"n": digits of a JSON number that is no integer} {"b": hex} {"d": unscaled, "s": scale} {"D": days} {"T": ns of the day}
//   {"t": ns since 1970, "u": is it UTC} {"U": hex} {"I": [months, days, ms]} {"m": [[key, value], …]} {"r": {struct}}

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.File;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Paths;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;
import org.apache.avro.file.DataFileReader;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericFixed;
import org.apache.avro.generic.IndexedRecord;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.filter2.compat.FilterCompat;
import org.apache.parquet.filter2.predicate.FilterApi;
import org.apache.parquet.filter2.predicate.FilterPredicate;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.api.ReadSupport;
import org.apache.parquet.hadoop.example.GroupReadSupport;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.io.InputFile;
import org.apache.parquet.io.LocalInputFile;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.Type;

public class Judge {
    static final JsonNodeFactory JSON = JsonNodeFactory.instance;
    static final ObjectMapper MAPPER = new ObjectMapper();
    static long rows;

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        BufferedWriter out = new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8), 1 << 16);
        for (String line; (line = in.readLine()) != null;) {
            ObjectNode end = JSON.objectNode();
            rows = 0;
            try {
                JsonNode order = MAPPER.readTree(line);
                String schema = read(order, out);
                end.put("done", rows).put("schema", schema);
            } catch (Exception | Error problem) {
                end.put("error", trace(problem));
            }
            out.write(MAPPER.writeValueAsString(end));
            out.newLine();
            out.flush();
        }
    }

    static String read(JsonNode order, BufferedWriter out) throws Exception {
        switch (order.get("format").asText()) {
        case "avro":
            return avro(order, out);
        case "parquet":
            return parquet(order, out);
        default:
            return json(order, out);
        }
    }

    static String trace(Throwable problem) {
        StringBuilder text = new StringBuilder();
        for (Throwable cause = problem; cause != null; cause = cause.getCause()) {
            text.append(cause).append("; ");
        }
        return text.toString();
    }

    static void write(BufferedWriter out, JsonNode row) throws Exception {
        out.write(MAPPER.writeValueAsString(row));
        out.newLine();
        rows++;
    }

    static ObjectNode tagged(String tag, String hexOrDigits) {
        return JSON.objectNode().put(tag, hexOrDigits);
    }

    static JsonNode hex(String tag, byte[] bytes) {
        return tagged(tag, HexFormat.of().formatHex(bytes));
    }

    static JsonNode floating(double value) {
        return tagged("f", Long.toString(Double.doubleToLongBits(value)));
    }

    static JsonNode decimal(BigInteger unscaled, int scale) {
        return tagged("d", unscaled.toString()).put("s", scale);
    }

    static JsonNode nanos(String tag, long value, long factor) {
        return tagged(tag, BigInteger.valueOf(value).multiply(BigInteger.valueOf(factor)).toString());
    }

    static JsonNode timestamp(long value, long factor, boolean utc) {
        return ((ObjectNode) nanos("t", value, factor)).put("u", utc);
    }

    static JsonNode interval(byte[] bytes) {
        ByteBuffer parts = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        ArrayNode numbers = JSON.arrayNode();
        for (int i = 0; i < 3; i++) {
            numbers.add(Integer.toUnsignedLong(parts.getInt()));
        }
        return JSON.objectNode().set("I", numbers);
    }

    // ---- Parquet

    static class Reader extends ParquetReader.Builder<Group> {
        Reader(InputFile file) {
            super(file);
        }

        @Override
        protected ReadSupport<Group> getReadSupport() {
            return new GroupReadSupport();
        }
    }

    static String parquet(JsonNode order, BufferedWriter out) throws Exception {
        InputFile file = new LocalInputFile(Paths.get(order.get("path").asText()));
        Configuration settings = new Configuration(false);
        settings.setBoolean("parquet.page.verify-checksum.enabled", true);
        ParquetReader.Builder<Group> builder = new Reader(file).withConf(settings);
        if (order.hasNonNull("eq")) {
            builder.withFilter(FilterCompat.get(equal(order.get("eq"))));
        }
        try (ParquetReader<Group> reader = builder.build()) {
            for (Group row; (row = reader.read()) != null;) {
                write(out, struct(row));
            }
        }
        try (ParquetFileReader whole = ParquetFileReader.open(file)) {
            return whole.getFileMetaData().getSchema().toString();
        }
    }

    static FilterPredicate equal(JsonNode eq) {
        String column = eq.get("column").asText();
        JsonNode value = eq.get("value");
        switch (eq.get("type").asText()) {
        case "int":
            return FilterApi.eq(FilterApi.intColumn(column), value.isNull() ? null : value.asInt());
        case "long":
            return FilterApi.eq(FilterApi.longColumn(column), value.isNull() ? null : value.asLong());
        case "double":
            return FilterApi.eq(FilterApi.doubleColumn(column), value.isNull() ? null : value.asDouble());
        case "boolean":
            return FilterApi.eq(FilterApi.booleanColumn(column), value.isNull() ? null : value.asBoolean());
        case "text":
            return FilterApi.eq(
                FilterApi.binaryColumn(column), value.isNull() ? null : Binary.fromString(value.asText()));
        case "hex":
            return FilterApi.eq(FilterApi.binaryColumn(column),
                value.isNull() ? null : Binary.fromConstantByteArray(HexFormat.of().parseHex(value.asText())));
        default:
            throw new IllegalArgumentException("no such type of a filter: " + eq.get("type").asText());
        }
    }

    static JsonNode struct(Group group) {
        ObjectNode fields = JSON.objectNode();
        GroupType type = group.getType();
        for (int i = 0; i < type.getFieldCount(); i++) {
            fields.set(type.getFieldName(i), field(group, i));
        }
        return JSON.objectNode().set("r", fields);
    }

    static JsonNode field(Group group, int i) {
        Type type = group.getType().getType(i);
        int count = group.getFieldRepetitionCount(i);
        if (type.isRepetition(Type.Repetition.REPEATED)) {
            ArrayNode items = JSON.arrayNode();
            for (int n = 0; n < count; n++) {
                items.add(value(group, i, n));
            }
            return items;
        }
        return count == 0 ? JSON.nullNode() : value(group, i, 0);
    }

    static JsonNode value(Group group, int i, int n) {
        Type type = group.getType().getType(i);
        LogicalTypeAnnotation logical = type.getLogicalTypeAnnotation();
        if (type.isPrimitive()) {
            return primitive(group, i, n, logical);
        }
        Group inner = group.getGroup(i, n);
        if (logical instanceof LogicalTypeAnnotation.ListLogicalTypeAnnotation) {
            ArrayNode items = JSON.arrayNode();
            for (int k = 0; k < inner.getFieldRepetitionCount(0); k++) {
                items.add(field(inner.getGroup(0, k), 0));
            }
            return items;
        }
        if (logical instanceof LogicalTypeAnnotation.MapLogicalTypeAnnotation) {
            ArrayNode pairs = JSON.arrayNode();
            for (int k = 0; k < inner.getFieldRepetitionCount(0); k++) {
                Group pair = inner.getGroup(0, k);
                pairs.add(JSON.arrayNode().add(field(pair, 0)).add(field(pair, 1)));
            }
            return JSON.objectNode().set("m", pairs);
        }
        return struct(inner);
    }

    static JsonNode primitive(Group group, int i, int n, LogicalTypeAnnotation logical) {
        switch (group.getType().getType(i).asPrimitiveType().getPrimitiveTypeName()) {
        case BOOLEAN:
            return JSON.booleanNode(group.getBoolean(i, n));
        case FLOAT:
            return floating(group.getFloat(i, n));
        case DOUBLE:
            return floating(group.getDouble(i, n));
        case INT32:
            return integer(group.getInteger(i, n), logical, 32);
        case INT64:
            return integer(group.getLong(i, n), logical, 64);
        case INT96:
            return hex("b", group.getInt96(i, n).getBytes());
        default:
            return binary(group.getBinary(i, n), logical);
        }
    }

    static long factor(LogicalTypeAnnotation.TimeUnit unit) {
        switch (unit) {
        case MILLIS:
            return 1000000;
        case MICROS:
            return 1000;
        default:
            return 1;
        }
    }

    static JsonNode integer(long value, LogicalTypeAnnotation logical, int bits) {
        if (logical instanceof LogicalTypeAnnotation.DateLogicalTypeAnnotation) {
            return JSON.objectNode().put("D", value);
        }
        if (logical instanceof LogicalTypeAnnotation.TimeLogicalTypeAnnotation) {
            return nanos("T", value, factor(((LogicalTypeAnnotation.TimeLogicalTypeAnnotation) logical).getUnit()));
        }
        if (logical instanceof LogicalTypeAnnotation.TimestampLogicalTypeAnnotation) {
            var stamp = (LogicalTypeAnnotation.TimestampLogicalTypeAnnotation) logical;
            return timestamp(value, factor(stamp.getUnit()), stamp.isAdjustedToUTC());
        }
        if (logical instanceof LogicalTypeAnnotation.DecimalLogicalTypeAnnotation) {
            int scale = ((LogicalTypeAnnotation.DecimalLogicalTypeAnnotation) logical).getScale();
            return decimal(BigInteger.valueOf(value), scale);
        }
        if (logical instanceof LogicalTypeAnnotation.IntLogicalTypeAnnotation
            && !((LogicalTypeAnnotation.IntLogicalTypeAnnotation) logical).isSigned()) {
            return JSON.numberNode(bits == 32 ? BigInteger.valueOf(Integer.toUnsignedLong((int) value))
                                              : new BigInteger(Long.toUnsignedString(value)));
        }
        return JSON.numberNode(value);
    }

    static JsonNode binary(Binary value, LogicalTypeAnnotation logical) {
        if (logical instanceof LogicalTypeAnnotation.StringLogicalTypeAnnotation
            || logical instanceof LogicalTypeAnnotation.JsonLogicalTypeAnnotation
            || logical instanceof LogicalTypeAnnotation.EnumLogicalTypeAnnotation) {
            return JSON.textNode(value.toStringUsingUTF8());
        }
        if (logical instanceof LogicalTypeAnnotation.DecimalLogicalTypeAnnotation) {
            int scale = ((LogicalTypeAnnotation.DecimalLogicalTypeAnnotation) logical).getScale();
            return decimal(new BigInteger(value.getBytes()), scale);
        }
        if (logical instanceof LogicalTypeAnnotation.UUIDLogicalTypeAnnotation) {
            return hex("U", value.getBytes());
        }
        if (logical instanceof LogicalTypeAnnotation.IntervalLogicalTypeAnnotation) {
            return interval(value.getBytes());
        }
        return hex("b", value.getBytes());
    }

    // ---- JSON lines, *.gz too

    static String json(JsonNode order, BufferedWriter out) throws Exception {
        String path = order.get("path").asText();
        ObjectReader exact = MAPPER.reader()
                                 .with(JsonNodeFactory.withExactBigDecimals(true))
                                 .with(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);
        InputStream bytes = new FileInputStream(path);
        if (path.endsWith(".gz")) {
            bytes = new GZIPInputStream(bytes);
        }
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(bytes, StandardCharsets.UTF_8))) {
            for (String line; (line = lines.readLine()) != null;) {
                write(out, jsonValue(exact.readTree(line)));
            }
        }
        return "";
    }

    static JsonNode jsonValue(JsonNode value) {
        if (value.isArray()) {
            ArrayNode items = JSON.arrayNode();
            value.forEach(item -> items.add(jsonValue(item)));
            return items;
        }
        if (value.isObject()) {
            ObjectNode fields = JSON.objectNode();
            value.fields().forEachRemaining(field -> fields.set(field.getKey(), jsonValue(field.getValue())));
            return JSON.objectNode().set("r", fields);
        }
        return value.isNumber() && !value.isIntegralNumber() ? tagged("n", value.decimalValue().toString()) : value;
    }

    // ---- Avro

    static String avro(JsonNode order, BufferedWriter out) throws Exception {
        File file = new File(order.get("path").asText());
        try (DataFileReader<Object> reader = new DataFileReader<>(file, new GenericDatumReader<>())) {
            for (Object row : reader) {
                write(out, avroValue(row, reader.getSchema()));
            }
            return reader.getSchema().toString();
        }
    }

    static byte[] bytes(ByteBuffer buffer) {
        byte[] copy = new byte[buffer.remaining()];
        buffer.duplicate().get(copy);
        return copy;
    }

    static JsonNode avroValue(Object value, Schema schema) {
        switch (schema.getType()) {
        case UNION:
            return avroValue(value, schema.getTypes().get(GenericData.get().resolveUnion(schema, value)));
        case NULL:
            return JSON.nullNode();
        case RECORD:
            ObjectNode fields = JSON.objectNode();
            for (Schema.Field field : schema.getFields()) {
                fields.set(field.name(), avroValue(((IndexedRecord) value).get(field.pos()), field.schema()));
            }
            return JSON.objectNode().set("r", fields);
        case ARRAY:
            ArrayNode items = JSON.arrayNode();
            for (Object item : (List<?>) value) {
                items.add(avroValue(item, schema.getElementType()));
            }
            return items;
        case MAP:
            ArrayNode pairs = JSON.arrayNode();
            for (Map.Entry<?, ?> pair : ((Map<?, ?>) value).entrySet()) {
                pairs.add(JSON.arrayNode().add(pair.getKey().toString())
                              .add(avroValue(pair.getValue(), schema.getValueType())));
            }
            return JSON.objectNode().set("m", pairs);
        case BOOLEAN:
            return JSON.booleanNode((Boolean) value);
        case FLOAT:
        case DOUBLE:
            return floating(((Number) value).doubleValue());
        case INT:
        case LONG:
            return avroInteger(((Number) value).longValue(), schema);
        case BYTES:
            return avroBytes(bytes((ByteBuffer) value), schema);
        case FIXED:
            return avroBytes(((GenericFixed) value).bytes(), schema);
        default:
            return avroText(value.toString(), schema);
        }
    }

    static JsonNode avroText(String text, Schema schema) {
        return "uuid".equals(schema.getProp("logicalType")) ? tagged("U", text.replace("-", "")) : JSON.textNode(text);
    }

    static JsonNode avroInteger(long value, Schema schema) {
        String logical = schema.getProp("logicalType");
        switch (logical == null ? "" : logical) {
        case "date":
            return JSON.objectNode().put("D", value);
        case "time-millis":
            return nanos("T", value, 1000000);
        case "time-micros":
            return nanos("T", value, 1000);
        case "timestamp-millis":
            return timestamp(value, 1000000, true);
        case "timestamp-micros":
            return timestamp(value, 1000, true);
        case "timestamp-nanos":
            return timestamp(value, 1, true);
        case "local-timestamp-millis":
            return timestamp(value, 1000000, false);
        case "local-timestamp-micros":
            return timestamp(value, 1000, false);
        case "local-timestamp-nanos":
            return timestamp(value, 1, false);
        default:
            return JSON.numberNode(value);
        }
    }

    static JsonNode avroBytes(byte[] value, Schema schema) {
        if (schema.getLogicalType() instanceof LogicalTypes.Decimal) {
            return decimal(new BigInteger(value), ((LogicalTypes.Decimal) schema.getLogicalType()).getScale());
        }
        String logical = schema.getProp("logicalType");
        if ("uuid".equals(logical)) {
            return hex("U", value);
        }
        return "duration".equals(logical) ? interval(value) : hex("b", value);
    }
}
