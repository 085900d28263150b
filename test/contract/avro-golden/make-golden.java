import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.StringJoiner;
import org.apache.avro.Conversions;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/**
 * Makes golden.json from messages.json with Apache Avro's own Java library. For each message:
 * `hex`, its bytes; `blocked`, its bytes as the library's blocking encoder writes arrays;
 * `decoded`, what the library reads from the bytes that the product gave (product-bytes.json).
 * Amounts are counts of 10^-18 as text.
 *
 *   cd test/contract/avro-golden
 *   mvn -q dependency:copy-dependencies -DoutputDirectory=/tmp/avro-golden
 *   node write-product-bytes.ts
 *   java -cp '/tmp/avro-golden/*' make-golden.java
 */
final class MakeGolden {
  private static final int SCALE = 18;
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final GenericData DATA = new GenericData();

  public static void main(String[] arguments) throws IOException {
    DATA.addLogicalTypeConversion(new Conversions.DecimalConversion());
    JsonNode productBytes = JSON.readTree(Path.of("product-bytes.json").toFile());
    StringJoiner lines = new StringJoiner(",\n  ", "[\n  ", "\n]\n");
    for (JsonNode entry : JSON.readTree(Path.of("messages.json").toFile())) {
      String name = entry.get("name").asText();
      Schema schema = new Schema.Parser()
          .parse(Path.of("../../../schemas/avro", entry.get("schema").asText() + ".avsc").toFile());
      Object datum = datumOf(schema, entry.get("message"));
      ObjectNode golden = JsonNodeFactory.instance.objectNode();
      golden.put("name", name);
      golden.put("hex", encode(schema, datum, false));
      golden.put("blocked", encode(schema, datum, true));
      golden.set("decoded", jsonOf(schema, decode(schema, productBytes.get(name).asText())));
      lines.add(JSON.writeValueAsString(golden));
    }
    Files.writeString(Path.of("golden.json"), lines.toString());
  }

  private static String encode(Schema schema, Object datum, boolean blocked) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    EncoderFactory factory = EncoderFactory.get();
    BinaryEncoder encoder = blocked ? factory.blockingBinaryEncoder(bytes, null) : factory.binaryEncoder(bytes, null);
    new GenericDatumWriter<Object>(schema, DATA).write(datum, encoder);
    encoder.flush();
    return HexFormat.of().formatHex(bytes.toByteArray());
  }

  private static Object decode(Schema schema, String hex) throws IOException {
    byte[] bytes = HexFormat.of().parseHex(hex);
    return new GenericDatumReader<Object>(schema, schema, DATA)
        .read(null, DecoderFactory.get().binaryDecoder(bytes, null));
  }

  private static Object datumOf(Schema schema, JsonNode json) {
    return switch (schema.getType()) {
      case RECORD -> {
        GenericData.Record record = new GenericData.Record(schema);
        for (Schema.Field field : schema.getFields()) {
          record.put(field.name(), datumOf(field.schema(), json.get(field.name())));
        }
        yield record;
      }
      case UNION -> datumOf(branchOf(schema, json), json);
      case ARRAY -> {
        GenericData.Array<Object> items = new GenericData.Array<>(json.size(), schema);
        for (JsonNode item : json) items.add(datumOf(schema.getElementType(), item));
        yield items;
      }
      case ENUM -> new GenericData.EnumSymbol(schema, json.asText());
      case BYTES -> new BigDecimal(new BigInteger(json.asText()), SCALE);
      case STRING -> json.asText();
      case LONG -> json.asLong();
      case INT -> json.asInt();
      case NULL -> null;
      default -> throw new IllegalStateException(schema.toString());
    };
  }

  private static Schema branchOf(Schema union, JsonNode json) {
    for (Schema branch : union.getTypes()) {
      boolean chosen = json.isNull()
          ? branch.getType() == Schema.Type.NULL
          : branch.getType() != Schema.Type.NULL && (!json.isObject() || branch.getName().equals(json.get("type").asText()));
      if (chosen) return branch;
    }
    throw new IllegalStateException("no branch for " + json);
  }

  private static JsonNode jsonOf(Schema schema, Object datum) {
    JsonNodeFactory nodes = JsonNodeFactory.instance;
    return switch (schema.getType()) {
      case RECORD -> {
        GenericData.Record record = (GenericData.Record) datum;
        ObjectNode object = nodes.objectNode();
        for (Schema.Field field : schema.getFields()) {
          object.set(field.name(), jsonOf(field.schema(), record.get(field.name())));
        }
        yield object;
      }
      case UNION -> {
        Schema branch = schema.getTypes().get(DATA.resolveUnion(schema, datum));
        JsonNode json = jsonOf(branch, datum);
        if (json instanceof ObjectNode object) object.put("type", branch.getName());
        yield json;
      }
      case ARRAY -> {
        ArrayNode items = nodes.arrayNode();
        for (Object item : (Iterable<?>) datum) items.add(jsonOf(schema.getElementType(), item));
        yield items;
      }
      case BYTES -> nodes.textNode(((BigDecimal) datum).unscaledValue().toString());
      case STRING, ENUM -> nodes.textNode(datum.toString());
      case LONG -> nodes.numberNode((Long) datum);
      case INT -> nodes.numberNode((Integer) datum);
      case NULL -> nodes.nullNode();
      default -> throw new IllegalStateException(schema.toString());
    };
  }
}
