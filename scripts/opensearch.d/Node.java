import java.nio.file.Path;
import org.codelibs.opensearch.runner.OpenSearchRunner;

/**
 * One OpenSearch node, alone or of a cluster; ends on SIGTERM. Started by scripts/opensearch, without being compiled first:
 * {@code java -cp 'LIB/*' Node.java FOLDER KEY=VALUE...}, where each KEY is a setting of opensearch.yml.
 */
final class Node {
    public static void main(String[] args) {
        var folder = Path.of(args[0]);
        var runner = new OpenSearchRunner();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                runner.close();
            } catch (Exception fault) {
                fault.printStackTrace();
            }
        }));

        runner.onBuild((number, settings) -> {
            settings.put("network.host", "127.0.0.1");
            // The roles of a node by default; the runner leaves out the last two.
            settings.put("node.roles", "cluster_manager,data,ingest,remote_cluster_client");
            // A cluster of one is formed as one of three is.
            settings.put("discovery.type", "zen");
            // The API server creates its indices itself: a write to a name that is missing has to fail, not to make an index
            // with guessed mappings.
            settings.put("action.auto_create_index", false);
            // A disk of a laptop is often more than 95 % full, where all indices would become read-only.
            settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
            for (var index = 1; index < args.length; index++) {
                var setting = args[index].split("=", 2);
                settings.put(setting[0], setting[1]);
            }
        });
        try {
            runner.build("-basePath", folder.toString(), "-numOfNode", "1");
            // All other threads may be daemons.
            Thread.currentThread().join();
        } catch (Throwable fault) {
            fault.printStackTrace();
            System.exit(1);
        }
    }
}
