import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.PrintStream;
import java.util.Arrays;
import org.openprovenance.prov.model.Document;
import org.openprovenance.prov.model.DateTimeOption;
import org.openprovenance.prov.model.ProvFactory;
import org.openprovenance.prov.model.QualifiedName;
import org.openprovenance.prov.notation.Utility;
import org.openprovenance.prov.validation.Config;
import org.openprovenance.prov.validation.ObjectMaker;
import org.openprovenance.prov.validation.Unknown;
import org.openprovenance.prov.validation.Validate;
import org.openprovenance.prov.validation.VarQName;
import org.openprovenance.prov.validation.report.ValidationReport;

/** ProvToolbox's verdict on every PROV-N file of a folder: one line each, its name, its statements, its verdict, what for. */
public class Verdicts {
  static class Variable extends org.openprovenance.prov.vanilla.QualifiedName implements VarQName {
    Variable(String namespace, String local, String prefix) {
      super(namespace, local, prefix);
    }
  }

  static class Nothing extends org.openprovenance.prov.vanilla.QualifiedName implements Unknown {
    Nothing(String namespace, String local) {
      super(namespace, local, "unk");
    }
  }

  static final ObjectMaker MAKER = new ObjectMaker() {
    public VarQName makeVarQName(String namespace, String local, String prefix) {
      return new Variable(namespace, local, prefix);
    }

    public VarQName makeVarQName(QualifiedName name) {
      return new Variable(name.getNamespaceURI(), name.getLocalPart(), name.getPrefix());
    }

    public Unknown makeUnknown(String namespace, String local) {
      return new Nothing(namespace, local);
    }
  };

  public static void main(String[] args) throws Exception {
    File[] files = new File(args[0]).listFiles((folder, name) -> name.endsWith(".provn"));
    Arrays.sort(files);
    PrintStream err = System.err;
    for (File file : files) {
      ByteArrayOutputStream told = new ByteArrayOutputStream();
      System.setErr(new PrintStream(told));
      String line;
      try {
        line = verdict(file, told);
      } catch (Throwable error) {
        line = "0 failed " + error.toString().replaceAll("\\s+", " ");
      }
      System.setErr(err);
      System.out.println(file.getName() + " " + line);
    }
  }

  /** The parser goes on after an error and tells of it on standard error alone: whatever stands there is a syntax error. */
  static String verdict(File file, ByteArrayOutputStream told) throws Exception {
    ProvFactory factory = new org.openprovenance.prov.vanilla.ProvFactory();
    Document document = new Utility(DateTimeOption.PRESERVE, null).readDocument(file.getPath(), factory);
    if (told.size() > 0) return "0 syntax " + told.toString().replaceAll("\\s+", " ");
    int statements = document.getStatementOrBundle().size();
    ValidationReport report = new Validate(Config.newYesToAllConfig(factory, MAKER)).validate(document);
    String faults = faults(report);
    return statements + (faults.isEmpty() ? " valid" : " invalid " + faults);
  }

  static String faults(ValidationReport report) {
    StringBuilder found = new StringBuilder();
    if (!report.getCycle().isEmpty()) found.append("cycle ");
    if (!report.getFailedMerge().isEmpty()) found.append("merge ");
    if (!report.getQualifiedNameMismatch().isEmpty()) found.append("mismatch ");
    if (!report.getTypeOverlap().isEmpty()) found.append("types ");
    if (report.getSpecializationReport() != null) found.append("specialization ");
    if (report.getMalformedStatements() != null) found.append("malformed ");
    for (ValidationReport bundle : report.getValidationReport()) {
      String inner = faults(bundle);
      if (!inner.isEmpty()) found.append("bundle:").append(inner);
    }
    return found.toString();
  }
}
