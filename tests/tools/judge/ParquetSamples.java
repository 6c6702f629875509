// SPDX-License-Identifier: Apache-2.0
// Files as Java's Parquet writes them, for leat's reader:  java -cp '.cache/jars/*' ParquetSamples.java DIRECTORY
// all_*: types, nesting, page versions, codecs, dictionaries. old_*: the forms of older writers, with what they hold
// beside them as JSON ({"kinds": [a kind a column], "rows": [[a value a column]]}).
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.apache.parquet.column.ParquetProperties.WriterVersion;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.SimpleGroup;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.io.LocalOutputFile;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;

public class ParquetSamples {
  static final String ALL = """
      message all {
        optional boolean b;
        required int32 i;
        optional int64 l;
        optional float f;
        optional double d;
        optional binary s (STRING);
        optional binary few (STRING);
        optional binary y;
        optional fixed_len_byte_array(9) n (DECIMAL(20,2));
        optional int64 n18 (DECIMAL(18,3));
        optional int32 a (DATE);
        optional int64 t (TIMESTAMP(MICROS,true));
        optional int64 tl (TIMESTAMP(MILLIS,false));
        optional int32 tm (TIME(MILLIS,true));
        optional fixed_len_byte_array(16) u (UUID);
        optional group li (LIST) { repeated group list { optional int64 element; } }
        optional group m (MAP) { repeated group key_value { required binary key (STRING); optional double value; } }
        optional group st { optional int32 x; optional group in (LIST) { repeated group list { required binary element (STRING); } } }
      }""";

  static Path directory;

  static ParquetWriter<Group> writer(String name, String schema, WriterVersion version, CompressionCodecName codec,
      boolean dictionary) throws Exception {
    MessageType type = MessageTypeParser.parseMessageType(schema);
    return ExampleParquetWriter.builder(new LocalOutputFile(directory.resolve(name + ".parquet")))
        .withConf(new PlainParquetConfiguration())
        .withType(type)
        .withWriterVersion(version)
        .withCompressionCodec(codec)
        .withDictionaryEncoding(dictionary)
        .withPageSize(2000)
        .withRowGroupSize(60_000L)
        .withPageWriteChecksumEnabled(dictionary)
        .build();
  }

  static Group row(MessageType type, Random random, int n) {
    Group row = new SimpleGroup(type);
    row.add("i", n);
    if (n % 5 != 0) {
      row.add("b", random.nextBoolean());
      row.add("l", random.nextLong());
      row.add("f", (float) random.nextGaussian());
      row.add("d", random.nextGaussian());
      row.add("s", "row " + Long.toHexString(random.nextLong()));
    }
    row.add("few", "value " + n / 100 % 3);
    if (n % 3 != 0) {
      byte[] bytes = new byte[random.nextInt(20)];
      random.nextBytes(bytes);
      row.add("y", Binary.fromConstantByteArray(bytes));
      byte[] decimal = new byte[9];
      ByteBuffer.wrap(decimal, 1, 8).putLong(random.nextLong());
      decimal[0] = (byte) (decimal[1] < 0 ? -1 : 0);
      row.add("n", Binary.fromConstantByteArray(decimal));
      row.add("n18", random.nextLong() % 1_000_000_000_000_000_000L);
      row.add("a", random.nextInt(40_000) - 20_000);
      row.add("t", random.nextLong() % 4_000_000_000_000_000L);
      row.add("tl", 1_700_000_000_000L + n);
      row.add("tm", random.nextInt(86_400_000));
      byte[] uuid = new byte[16];
      random.nextBytes(uuid);
      row.add("u", Binary.fromConstantByteArray(uuid));
    }
    if (n % 4 != 0) {
      Group list = row.addGroup("li");
      Group map = row.addGroup("m");
      Group struct = row.addGroup("st");
      for (int k = 0; k < n % 4 - 1 + n % 50 / 49 * 40; k++) {
        Group item = list.addGroup("list");
        if (k % 3 != 1) {
          item.add("element", (long) n * k);
        }
        map.addGroup("key_value").append("key", "k" + k).append("value", k / 2.0);
      }
      if (n % 8 != 1) {
        struct.add("x", n);
        Group in = struct.addGroup("in");
        for (int k = 0; k < n % 3; k++) {
          in.addGroup("list").add("element", "e" + k);
        }
      }
    }
    return row;
  }

  static void all(WriterVersion version, CompressionCodecName codec, boolean dictionary) throws Exception {
    String name = "all_" + version + "_" + codec + "_" + dictionary;
    Random random = new Random(1);
    MessageType type = MessageTypeParser.parseMessageType(ALL);
    try (ParquetWriter<Group> writer = writer(name, ALL, version, codec, dictionary)) {
      for (int n = 0; n < 2000; n++) {
        writer.write(row(type, random, n));
      }
    }
  }

  interface Fill {
    void fill(Group row, int n);
  }

  /** Three rows, filled by number. */
  static void old(String name, String fields, String kinds, String rows, Fill fill) throws Exception {
    String schema = "message old { " + fields + (fields.endsWith("}") ? " }" : "; }");
    MessageType type = MessageTypeParser.parseMessageType(schema);
    try (ParquetWriter<Group> writer =
        writer("old_" + name, schema, WriterVersion.PARQUET_1_0, CompressionCodecName.SNAPPY, true)) {
      for (int n = 0; n < 3; n++) {
        Group row = new SimpleGroup(type);
        fill.fill(row, n);
        writer.write(row);
      }
    }
    String json = "{\"kinds\": " + kinds + ", \"rows\": " + rows + "}";
    Files.write(directory.resolve("old_" + name + ".json"), json.getBytes(StandardCharsets.UTF_8));
  }

  static void lists() throws Exception {
    old("two_levels", "optional group l (LIST) { repeated int32 element; }", "[\"list\"]", "[[[]], [[5]], [[5, 6]]]",
        (row, n) -> {
          Group list = row.addGroup("l");
          for (int k = 0; k < n; k++) {
            list.add("element", 5 + k);
          }
        });
    old("two_levels_of_pairs", "optional group l (LIST) { repeated group element { required int32 x; optional binary y (UTF8); } }",
        "[\"list\"]", "[[null], [[[1, null]]], [[[1, null], [2, \"b\"]]]]", (row, n) -> {
          if (n > 0) {
            Group list = row.addGroup("l");
            list.addGroup("element").append("x", 1);
            if (n > 1) {
              list.addGroup("element").append("x", 2).append("y", "b");
            }
          }
        });
    old("array", "required group l (LIST) { repeated group array { optional int32 x; } }", "[\"list\"]",
        "[[[]], [[[null]]], [[[null], [1]]]]", (row, n) -> {
          Group list = row.addGroup("l");
          for (int k = 0; k < n; k++) {
            Group item = list.addGroup("array");
            if (k > 0) {
              item.add("x", k);
            }
          }
        });
    old("tuple", "required group l (LIST) { repeated group l_tuple { required int32 x; } }", "[\"list\"]",
        "[[[]], [[[0]]], [[[0], [1]]]]", (row, n) -> {
          Group list = row.addGroup("l");
          for (int k = 0; k < n; k++) {
            list.addGroup("l_tuple").add("x", k);
          }
        });
    old("bag", "optional group l (LIST) { repeated group bag { optional int32 array_element; } }", "[\"list\"]",
        "[[null], [[null]], [[null, 1]]]", (row, n) -> {
          Group list = n > 0 ? row.addGroup("l") : null;
          for (int k = 0; k < n; k++) {
            Group item = list.addGroup("bag");
            if (k > 0) {
              item.add("array_element", k);
            }
          }
        });
    old("repeated", "repeated int64 r; repeated group g { required int32 x; repeated binary s (STRING); }",
        "[\"list\", \"list\"]", "[[[], []], [[7], [[0, []]]], [[7, 7], [[0, []], [1, [\"s\"]]]]]", (row, n) -> {
          for (int k = 0; k < n; k++) {
            row.add("r", 7L);
            Group group = row.addGroup("g").append("x", k);
            if (k > 0) {
              group.add("s", "s");
            }
          }
        });
  }

  static void maps() throws Exception {
    old("map_key_value", "optional group m (MAP_KEY_VALUE) { repeated group map { required binary k (UTF8); optional int32 v; } }",
        "[\"map\"]", "[[[]], [[[\"a\", 1]]], [[[\"a\", 1], [\"a\", null]]]]", (row, n) -> {
          Group map = row.addGroup("m");
          if (n > 0) {
            map.addGroup("map").append("k", "a").append("v", 1);
          }
          if (n > 1) {
            map.addGroup("map").append("k", "a");
          }
        });
    old("map_optional_key", "optional group m (MAP) { repeated group map { optional binary key (STRING); required int32 value; } }",
        "[\"map\"]", "[[[]], [[[\"a\", 0]]], [[[\"a\", 0], [\"a\", 1]]]]", (row, n) -> {
          Group map = row.addGroup("m");
          for (int k = 0; k < n; k++) {
            map.addGroup("map").append("key", "a").append("value", k);
          }
        });
  }

  static void scalars() throws Exception {
    old("converted", "required int32 tm (TIME_MILLIS); required int64 tu (TIME_MICROS); required int64 sm (TIMESTAMP_MILLIS); "
            + "required int64 su (TIMESTAMP_MICROS); required int32 u8 (UINT_8); required int32 u32 (UINT_32); "
            + "required int64 u64 (UINT_64); required int32 n (DECIMAL(5,2)); required binary nb (DECIMAL(30,3)); "
            + "required binary e (ENUM); required binary j (JSON); required binary bs (BSON); required int32 dt (DATE)",
        "[\"time\", \"time\", \"timestamptz\", \"timestamptz\", \"int32\", \"int64\", \"decimal\", \"decimal\", \"decimal\", "
            + "\"string\", \"string\", \"bytes\", \"date\"]",
        "[" + converted(0) + ", " + converted(1) + ", " + converted(2) + "]",
        (row, n) -> row.append("tm", n).append("tu", (long) n).append("sm", (long) -n).append("su", (long) -n)
            .append("u8", n).append("u32", -n).append("u64", (long) -n).append("n", -n)
            .append("nb", Binary.fromConstantByteArray(new byte[] {(byte) n, 1}))
            .append("e", "E" + n).append("j", "{}").append("bs", "" + n).append("dt", n));
    old("int96", "required int96 t", "[\"timestamp\"]", "[[0], [86400000001], [172800000002]]", (row, n) -> row.append("t",
        Binary.fromConstantByteArray(ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN).putLong(n * 1000L)
            .putInt(2440588 + n).array())));
  }

  static String converted(int n) {
    String[] unsigned = {"0", "4294967295", "4294967294"};
    String[] wide = {"0", "18446744073709551615", "18446744073709551614"};
    String[] small = {"0.00", "-0.01", "-0.02"};
    String[] binary = {"0.001", "0.257", "0.513"};
    return String.format("[%d, %d, %d, %d, %d, %s, \"%s\", \"%s\", \"%s\", \"E%d\", \"{}\", \"3%d\", %d]", n * 1000, n,
        -n * 1000, -n, n, unsigned[n], wide[n], small[n], binary[n], n, n, n);
  }

  public static void main(String[] arguments) throws Exception {
    directory = Path.of(arguments[0]);
    for (WriterVersion version : WriterVersion.values()) {
      for (CompressionCodecName codec : new CompressionCodecName[] {CompressionCodecName.UNCOMPRESSED, CompressionCodecName.SNAPPY,
          CompressionCodecName.GZIP, CompressionCodecName.ZSTD, CompressionCodecName.LZ4_RAW}) {
        all(version, codec, codec != CompressionCodecName.GZIP);
      }
      all(version, CompressionCodecName.UNCOMPRESSED, false);
    }
    lists();
    maps();
    scalars();
  }
}
