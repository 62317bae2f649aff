package medtrace;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.parser.StrictErrorHandler;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.api.MethodOutcome;
import ca.uhn.fhir.rest.api.PreferReturnEnum;
import ca.uhn.fhir.rest.client.api.IGenericClient;
import ca.uhn.fhir.rest.client.interceptor.AdditionalRequestHeadersInterceptor;
import ca.uhn.fhir.rest.client.interceptor.BearerTokenAuthInterceptor;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import org.hl7.fhir.instance.model.api.IBaseOperationOutcome;

/**
 * HAPI's generic client against ingest and query: one command for each run, results as lines of text.
 *
 * <p>Arguments: {@code create|search}, {@code R4|R5}, base URL, bearer token, and for create how many, for search
 * the query's date. With its default settings the client asks for the CapabilityStatement first, and refuses a
 * server of another release.
 */
public final class Client {
  private Client() {}

  public static void main(String[] arguments) {
    String command = arguments[0];
    boolean isR5 = arguments[1].equals("R5");
    FhirContext context = isR5 ? FhirContext.forR5() : FhirContext.forR4();
    // An element that the release does not have, or of another type, ends the run.
    context.setParserErrorHandler(new StrictErrorHandler());
    context.getRestfulClientFactory().setSocketTimeout(60_000);
    IGenericClient client = context.newRestfulGenericClient(arguments[2]);
    client.setEncoding(EncodingEnum.JSON);
    client.registerInterceptor(new BearerTokenAuthInterceptor(arguments[3]));
    if (isR5) {
      var headers = new AdditionalRequestHeadersInterceptor();
      headers.addHeaderValue("Accept", "application/fhir+json; fhirVersion=5.0");
      client.registerInterceptor(headers);
    }
    if (command.equals("create") && isR5) R5.create(client, Integer.parseInt(arguments[4]));
    else if (command.equals("create")) R4.create(client, Integer.parseInt(arguments[4]));
    else if (isR5) R5.search(client, arguments[4]);
    else R4.search(client, arguments[4]);
  }

  /** Whether the answer was 201; the client knows of nothing else. */
  static boolean created(MethodOutcome outcome) {
    return Boolean.TRUE.equals(outcome.getCreated());
  }

  static void say(String what, String value) {
    System.out.println(what + " " + value);
  }

  private static final class R4 {
    static org.hl7.fhir.r4.model.AuditEvent event(int number) {
      var event = new org.hl7.fhir.r4.model.AuditEvent();
      event.getType().setSystem("http://terminology.hl7.org/CodeSystem/audit-event-type").setCode("rest");
      event.addSubtype().setSystem("http://hl7.org/fhir/restful-interaction").setCode("read");
      event.setAction(org.hl7.fhir.r4.model.AuditEvent.AuditEventAction.R);
      event.setOutcome(org.hl7.fhir.r4.model.AuditEvent.AuditEventOutcome._0);
      event.setRecorded(new Date(1_767_323_045_000L + number * 1_000L));
      event.addAgent().setRequestor(true).getWho().setReference("Practitioner/hapi-" + number % 2);
      event.getSource().getObserver().setReference("Device/hapi");
      event.addEntity().getWhat().setReference("Observation/r4-" + number);
      var patient = event.addEntity();
      patient.getWhat().setReference("Patient/hapi-" + number % 3);
      patient.getRole().setSystem("http://terminology.hl7.org/CodeSystem/object-role").setCode("1");
      return event;
    }

    static void create(IGenericClient client, int count) {
      for (int number = 0; number < count; number++) {
        var outcome = client.create().resource(event(number)).execute();
        say(created(outcome) ? "created" : "known", outcome.getId().getIdPart());
        IBaseOperationOutcome told = outcome.getOperationOutcome();
        if (told == null) say("missing", "OperationOutcome");
      }
      var again = client.create().resource(event(0)).prefer(PreferReturnEnum.REPRESENTATION).execute();
      var returned = (org.hl7.fhir.r4.model.AuditEvent) again.getResource();
      say(created(again) ? "created" : "known", again.getId().getIdPart());
      say("returned", returned == null ? "nothing" : returned.getEntityFirstRep().getWhat().getReference());
      var conditional =
          client
              .create()
              .resource(event(1_000_000))
              .conditionalByUrl("AuditEvent?entity=Observation/r4-1000000");
      say("conditional", String.valueOf(created(conditional.execute())));
      var other = event(1_000_000).setOutcomeDesc("sent again by another road");
      var second = client.create().resource(other).conditionalByUrl("AuditEvent?entity=Observation/r4-1000000");
      say("conditional", String.valueOf(created(second.execute())));
      var bundle = new org.hl7.fhir.r4.model.Bundle();
      bundle.setType(org.hl7.fhir.r4.model.Bundle.BundleType.TRANSACTION);
      for (int number = count; number < count + 3; number++) {
        bundle
            .addEntry()
            .setResource(event(number))
            .getRequest()
            .setMethod(org.hl7.fhir.r4.model.Bundle.HTTPVerb.POST)
            .setUrl("AuditEvent");
      }
      for (var entry : client.transaction().withBundle(bundle).execute().getEntry()) {
        say("transaction", entry.getResponse().getStatus());
      }
    }

    static void search(IGenericClient client, String date) {
      List<String> ids = new ArrayList<>();
      var bundle =
          client
              .search()
              .forResource(org.hl7.fhir.r4.model.AuditEvent.class)
              .where(org.hl7.fhir.r4.model.AuditEvent.DATE.afterOrEquals().day(date))
              .and(org.hl7.fhir.r4.model.AuditEvent.ACTION.exactly().code("R"))
              .and(org.hl7.fhir.r4.model.AuditEvent.AGENT.hasId("Practitioner/hapi-0"))
              .sort()
              .ascending(org.hl7.fhir.r4.model.AuditEvent.DATE)
              .count(4)
              .returnBundle(org.hl7.fhir.r4.model.Bundle.class)
              .execute();
      for (; bundle != null; bundle = bundle.getLink("next") == null ? null : client.loadPage().next(bundle).execute()) {
        for (var entry : bundle.getEntry()) {
          var event = (org.hl7.fhir.r4.model.AuditEvent) entry.getResource();
          ids.add(event.getIdElement().getIdPart());
          say("found", event.getEntityFirstRep().getWhat().getReference());
        }
      }
      var one = client.read().resource(org.hl7.fhir.r4.model.AuditEvent.class).withId(ids.get(0)).execute();
      say("read", one.getIdElement().getIdPart().equals(ids.get(0)) ? one.getAction().toCode() : "another");
      var posted =
          client
              .search()
              .forResource(org.hl7.fhir.r4.model.AuditEvent.class)
              .where(org.hl7.fhir.r4.model.AuditEvent.PATIENT.hasId("Patient/hapi-1"))
              .usingStyle(ca.uhn.fhir.rest.api.SearchStyleEnum.POST)
              .count(100)
              .returnBundle(org.hl7.fhir.r4.model.Bundle.class)
              .execute();
      say("patient", String.valueOf(posted.getEntry().size()));
    }
  }

  private static final class R5 {
    static org.hl7.fhir.r5.model.AuditEvent event(int number) {
      var event = new org.hl7.fhir.r5.model.AuditEvent();
      event
          .addCategory()
          .addCoding()
          .setSystem("http://terminology.hl7.org/CodeSystem/audit-event-type")
          .setCode("rest");
      event.getCode().addCoding().setSystem("http://hl7.org/fhir/restful-interaction").setCode("update");
      event.setAction(org.hl7.fhir.r5.model.AuditEvent.AuditEventAction.U);
      event.getOutcome().getCode().setSystem("http://hl7.org/fhir/issue-severity").setCode("information");
      event.setOccurred(new org.hl7.fhir.r5.model.DateTimeType(new Date(1_767_323_044_000L + number * 1_000L)));
      event.setRecorded(new Date(1_767_323_045_000L + number * 1_000L));
      event.addAgent().setRequestor(true).getWho().setReference("Practitioner/hapi-" + number % 2);
      event.getSource().getObserver().setReference("Device/hapi");
      event.getPatient().setReference("Patient/hapi-" + number % 3);
      event.getEncounter().setReference("Encounter/e1");
      event.addEntity().getWhat().setReference("Observation/r5-" + number);
      return event;
    }

    static void create(IGenericClient client, int count) {
      for (int number = 0; number < count; number++) {
        var outcome = client.create().resource(event(number)).execute();
        say(created(outcome) ? "created" : "known", outcome.getId().getIdPart());
      }
    }

    static void search(IGenericClient client, String date) {
      var bundle =
          client
              .search()
              .forResource(org.hl7.fhir.r5.model.AuditEvent.class)
              .where(org.hl7.fhir.r5.model.AuditEvent.DATE.afterOrEquals().day(date))
              .and(org.hl7.fhir.r5.model.AuditEvent.CODE.exactly().code("update"))
              .count(100)
              .returnBundle(org.hl7.fhir.r5.model.Bundle.class)
              .execute();
      for (var entry : bundle.getEntry()) {
        var event = (org.hl7.fhir.r5.model.AuditEvent) entry.getResource();
        say("found", event.getEntityFirstRep().getWhat().getReference());
        say("code", event.getCode().getCodingFirstRep().getCode() + " " + event.getPatient().hasReference());
      }
    }
  }
}
